#include "shim/ctl/containerd_config.h"

#include <algorithm>

#include "shim/ctl/toml_lines.h"

namespace holdfast::ctl {
namespace {

constexpr std::string_view kBegin =
    "# BEGIN holdfast: by \"holdfastctl install containerd\", \"uninstall\" removes it\n";
constexpr std::string_view kEnd = "# END holdfast\n";
constexpr std::string_view kAdded = " # holdfast: added";
constexpr std::string_view kWas = " # holdfast: was ";

using Statements = std::vector<TomlStatement>;

std::string_view value_of(const std::string& text, const TomlStatement& s) {
  return std::string_view(text).substr(s.value.begin, s.value.end - s.value.begin);
}

const TomlStatement* key(const Statements& all, const TomlPath& path) {
  for (const TomlStatement& each : all)
    if (each.kind == TomlStatement::Kind::kKey && each.path == path) return &each;
  return nullptr;
}

const TomlStatement* table(const Statements& all, const TomlPath& path) {
  for (const TomlStatement& each : all)
    if (each.kind == TomlStatement::Kind::kTable && each.path == path) return &each;
  return nullptr;
}

TomlPath below(TomlPath path, std::initializer_list<const char*> names) {
  path.insert(path.end(), names.begin(), names.end());
  return path;
}

// containerd calls the CRI plugin otherwise from version 3 (containerd 2) on.
Result<std::string> plugin_of(const std::string& text, const Statements& all) {
  const TomlStatement* const version = key(all, {"version"});
  if (!version)
    return error(
        "1:1: no \"version = 2\": this is the old form, \"containerd config migrate\" prints the "
        "new");
  const std::string_view number = value_of(text, *version);
  if (number == "2") return std::string("io.containerd.grpc.v1.cri");
  if (number == "3") return std::string("io.containerd.cri.v1.runtime");
  return error("{}:1: version {} is not known: 2 or 3", version->line, number);
}

// What makes a table at the end of the file impossible or wrong.
Result<> check_form(const std::string& text, const Statements& all, const TomlPath& containerd) {
  const TomlPath runtimes = below(containerd, {"runtimes"});
  const TomlPath ours = below(runtimes, {"holdfast"});
  for (const TomlStatement& each : all) {
    const bool is_key = each.kind == TomlStatement::Kind::kKey;
    if (is_within(each.path, ours))
      return error("{}:1: the runtime \"holdfast\" is configured here already, by hand", each.line);
    if (is_key && is_within(runtimes, each.path) && value_of(text, each).starts_with('{'))
      return error("{}:1: an inline table: write it as [{}] to have runtimes added", each.line,
                   fmt::format("plugins.\"{}\".containerd", containerd[1]));
    if (is_key && is_within(each.path, runtimes) && each.path.size() - each.parts < runtimes.size())
      return error("{}:1: a dotted key: write runtimes as tables to have one added", each.line);
  }
  return {};
}

std::string header(const TomlPath& path) {
  std::string out = "[";
  for (size_t i = 0; i < path.size(); ++i)
    out += (i > 0 ? "." : "") +
           (path[i].find('.') == std::string::npos ? path[i] : "\"" + path[i] + "\"");
  return out + "]\n";
}

// The line of default_runtime_name as ours; what it was stands behind it.
std::string replaced_default(const std::string& text, const TomlStatement& old) {
  const size_t line_end = text.find('\n', old.value.end);
  const size_t end = line_end == std::string::npos ? text.size() : line_end;
  return text.substr(0, old.value.begin) + "\"holdfast\"" + std::string(kWas) +
         text.substr(old.value.begin, end - old.value.begin) + text.substr(end);
}

}  // namespace

Result<std::string> add_to_containerd(const std::string& text, const ContainerdChange& change) {
  std::string out = text;
  if (out.find_first_not_of(" \t\r\n") == std::string::npos) out = "version = 2\n";
  if (!out.ends_with('\n')) out += '\n';
  HF_TRY(const Statements all, scan_toml(out));
  HF_TRY(const std::string plugin, plugin_of(out, all));
  const TomlPath containerd{"plugins", plugin, "containerd"};
  HF_DO(check_form(out, all, containerd));
  const TomlPath runtime = below(containerd, {"runtimes", "holdfast"});
  const TomlStatement* const runc =
      key(all, below(containerd, {"runtimes", "runc", "options", "SystemdCgroup"}));
  const bool systemd = change.systemd_cgroup || (runc && value_of(out, *runc) == "true");

  std::string block = "\n" + std::string(kBegin);
  const TomlStatement* const old = key(all, below(containerd, {"default_runtime_name"}));
  const TomlStatement* const section = table(all, containerd);
  if (change.make_default && !old && !section)
    block += header(containerd) + "  default_runtime_name = \"holdfast\"\n";
  block += header(runtime) + "  runtime_type = \"io.containerd.runc.v2\"\n" +
           header(below(runtime, {"options"})) +
           fmt::format("  BinaryName = \"{}\"\n  SystemdCgroup = {}\n", change.runtime, systemd) +
           std::string(kEnd);
  if (change.make_default && old) {
    out = replaced_default(out, *old);
  } else if (change.make_default && section) {
    const std::string line = "  default_runtime_name = \"holdfast\"" + std::string(kAdded) + "\n";
    out.insert(section->whole.end, line);
  }
  return out + block;
}

std::string strip_from_containerd(const std::string& text) {
  std::string out;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    std::string line = text.substr(at, end - at);
    at = end;
    if (line == kBegin) {
      inside = true;
      if (out.ends_with("\n\n")) out.pop_back();  // the empty line before the block is ours
      continue;
    }
    if (inside) {
      inside = line != kEnd;
      continue;
    }
    const std::string_view body =
        std::string_view(line).substr(0, line.find_last_not_of("\r\n") + 1);
    if (body.ends_with(kAdded)) continue;
    if (const size_t was = line.find(kWas); was != std::string::npos) {
      const size_t ours = line.rfind("\"holdfast\"", was);
      if (ours != std::string::npos) line = line.substr(0, ours) + line.substr(was + kWas.size());
    }
    out += line;
  }
  return out;
}

}  // namespace holdfast::ctl
