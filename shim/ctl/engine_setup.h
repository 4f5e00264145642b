// What makes holdfast a runtime of an engine: which file, how its text changes, what to do then. Pure.
//
//   const EngineSetup* setup = find_setup("docker");
//   HF_TRY(std::string after, setup->add(before, {.runtime = "/usr/bin/holdfast"}));
//   HF_TRY(std::string again, setup->strip(after, before));     // == before
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace holdfast::ctl {

struct SetupOptions {
  std::string runtime = "/usr/bin/holdfast";
  bool make_default = false;
  bool systemd_cgroup = false;
};

struct EngineSetup {
  std::string_view name;  // "docker"
  std::string_view path;  // "etc/docker/daemon.json", beneath the root directory
  // "containers/...", beneath a user's configuration directory; empty: root alone can set it up
  std::string_view user_path;
  std::string_view then;  // how the engine learns of it
  // The file's text with holdfast in it; `text` is nullopt where there is no file.
  Result<std::string> (*add)(const std::optional<std::string>& text, const SetupOptions& options);
  // What is ours taken out of a text that others changed since; `before` is the text of then. nullopt:
  // the file is ours as a whole.
  Result<std::optional<std::string>> (*strip)(const std::string& text,
                                              const std::optional<std::string>& before);
  // What this one leaves out, and the setup for that: told until that one is installed, too.
  std::string_view companion{}, note{};
};

std::span<const EngineSetup> engine_setups();
const EngineSetup* find_setup(std::string_view name);

}  // namespace holdfast::ctl
