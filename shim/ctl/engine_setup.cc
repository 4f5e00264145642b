#include "shim/ctl/engine_setup.h"

#include "shim/ctl/containerd_config.h"
#include "shim/ctl/json_edit.h"

namespace holdfast::ctl {
namespace {

using Text = std::optional<std::string>;

bool is_blank(const std::string& text) {
  return text.find_first_not_of(" \t\r\n") == std::string::npos;
}

// --- Docker: daemon.json ---

constexpr std::string_view kQuoted = "\"holdfast\"";

Result<std::string> add_docker(const Text& text, const SetupOptions& options) {
  std::string out = text && !is_blank(*text) ? *text : "{}\n";
  HF_TRY(out, set_member(out, {"runtimes", "holdfast"},
                         fmt::format("{{ \"path\": \"{}\" }}", options.runtime)));
  if (options.make_default) {
    HF_TRY(out, set_member(out, {"default-runtime"}, kQuoted));
  }
  return out;
}

Result<Text> strip_docker(const std::string& text, const Text& before) {
  const std::string then = before && !is_blank(*before) ? *before : "{}";
  HF_TRY(std::string out, remove_member(text, {"runtimes", "holdfast"}));
  HF_TRY(const auto runtimes, member(out, {"runtimes"}));
  HF_TRY(const auto runtimes_then, member(then, {"runtimes"}));
  if (runtimes == "{}" && !runtimes_then) {
    HF_TRY(out, remove_member(out, {"runtimes"}));
  }
  HF_TRY(const auto chosen, member(out, {"default-runtime"}));
  HF_TRY(const auto chosen_then, member(then, {"default-runtime"}));
  if (chosen == kQuoted && chosen_then) {
    HF_TRY(out, set_member(out, {"default-runtime"}, *chosen_then));
  } else if (chosen == kQuoted) {
    HF_TRY(out, remove_member(out, {"default-runtime"}));
  }
  return Text(std::move(out));
}

// --- containerd: config.toml ---

Result<std::string> add_containerd(const Text& text, const SetupOptions& options) {
  return add_to_containerd(text.value_or(""), {.runtime = options.runtime,
                                               .make_default = options.make_default,
                                               .systemd_cgroup = options.systemd_cgroup});
}

Result<Text> strip_containerd(const std::string& text, const Text&) {
  return Text(strip_from_containerd(text));
}

// --- podman, CRI-O, dockerd's unit: files of our own in a directory ---

std::string first_line(std::string_view engine) {
  return fmt::format("# By \"holdfastctl install {0}\"; \"uninstall {0}\" removes it.\n", engine);
}

Result<> check_ours(std::string_view engine, const Text& text) {
  if (!text || text->starts_with(first_line(engine))) return {};
  return error("1:1: it is there already, and not by \"holdfastctl install {}\"", engine);
}

Result<std::string> add_podman(const Text& text, const SetupOptions& options) {
  HF_DO(check_ours("podman", text));
  std::string out = first_line("podman") + "[engine]\n";
  if (options.make_default) out += "runtime = \"holdfast\"\n";
  return out +
         fmt::format(
             "# What a runtime can do is looked up by its name, so a new name has to be listed.\n"
             "runtime_supports_json = [\"crun\", \"runc\", \"kata\", \"runsc\", \"youki\", "
             "\"krun\", \"holdfast\"]\n"
             "runtime_supports_nocgroup = [\"crun\", \"krun\", \"holdfast\"]\n\n"
             "[engine.runtimes]\nholdfast = [\"{}\"]\n",
             options.runtime);
}

Result<std::string> add_crio(const Text& text, const SetupOptions& options) {
  HF_DO(check_ours("crio", text));
  std::string out = first_line("crio");
  if (options.make_default) out += "[crio.runtime]\ndefault_runtime = \"holdfast\"\n\n";
  return out +
         fmt::format(
             "[crio.runtime.runtimes.holdfast]\nruntime_path = \"{}\"\nruntime_type = \"oci\"\n"
             "runtime_root = \"/run/holdfast\"\n",
             options.runtime);
}

// A text between the quotes of a unit's setting (systemd.syntax(7), systemd.service(5)).
std::string in_unit(std::string_view text, bool command) {
  std::string out;
  for (const char c : text) {
    out += c;
    if (c == '%' || (c == '$' && command)) out += c;
  }
  return out;
}

// BuildKit in dockerd runs what this variable names; before it was there (Docker 26), and without it,
// what "runc" is in dockerd's PATH.
Result<std::string> add_docker_build(const Text& text, const SetupOptions& options) {
  HF_DO(check_ours("docker-build", text));
  return first_line("docker-build") +
         fmt::format(
             "[Service]\n"
             "Environment=\"DOCKER_BUILDKIT_RUNC_COMMAND={}\"\n"
             "# Older ones know no such variable and look for runc in their PATH.\n"
             "RuntimeDirectory=holdfast-build\n"
             "ExecStartPre=/bin/ln -sf \"{}\" /run/holdfast-build/runc\n"
             "Environment=PATH=/run/holdfast-build:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/"
             "bin:"
             "/sbin:/bin\n",
             in_unit(options.runtime, false), in_unit(options.runtime, true));
}

template <const char* kEngine>
Result<Text> strip_own_file(const std::string& text, const Text&) {
  // One that was never ours stays.
  if (!check_ours(kEngine, text)) return Text(text);
  return Text();
}
constexpr char kPodman[] = "podman", kCrio[] = "crio", kDockerBuild[] = "docker-build";

constexpr EngineSetup kSetups[] = {
    {.name = "docker",
     .path = "etc/docker/daemon.json",
     .user_path = "",
     .then = "systemctl reload docker",
     .add = add_docker,
     .strip = strip_docker,
     .companion = kDockerBuild,
     .note =
         "BuildKit (docker build) runs runc whatever the default runtime is: holdfastctl install "
         "docker-build"},
    {.name = kDockerBuild,
     .path = "etc/systemd/system/docker.service.d/50-holdfast.conf",
     .user_path = "",
     .then = "systemctl daemon-reload && systemctl restart docker",
     .add = add_docker_build,
     .strip = strip_own_file<kDockerBuild>},
    {.name = "containerd",
     .path = "etc/containerd/config.toml",
     .user_path = "",
     .then = "systemctl restart containerd",
     .add = add_containerd,
     .strip = strip_containerd},
    {.name = "podman",
     .path = "etc/containers/containers.conf.d/50-holdfast.conf",
     .user_path = "containers/containers.conf.d/50-holdfast.conf",
     .then = "",
     .add = add_podman,
     .strip = strip_own_file<kPodman>},
    {.name = "crio",
     .path = "etc/crio/crio.conf.d/50-holdfast.conf",
     .user_path = "",
     .then = "systemctl restart crio",
     .add = add_crio,
     .strip = strip_own_file<kCrio>},
};

}  // namespace

std::span<const EngineSetup> engine_setups() { return kSetups; }

const EngineSetup* find_setup(std::string_view name) {
  for (const EngineSetup& setup : kSetups)
    if (setup.name == name) return &setup;
  return nullptr;
}

}  // namespace holdfast::ctl
