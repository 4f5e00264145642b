#include <unistd.h>

#include "core/base/fd.h"
#include "sandbox/launch/state_store.h"
#include "shim/oci/commit.h"
#include "shim/oci/verb.h"

namespace holdfast {
namespace {

constexpr Flag kGlobalFlags[] = {
    {"root", 0, FlagKind::kText, "DIR", "where the state of containers is kept"},
    {"log", 0, FlagKind::kText, "FILE",
     "where an error is written: a path, file:PATH, syslog:NAME or journald:NAME"},
    {"log-format", 0, FlagKind::kText, "FORMAT", "text (default) or json"},
    {"log-level", 0, FlagKind::kText, "LEVEL", "accepted: only errors are ever logged"},
    {"debug", 0, FlagKind::kSwitch, "", "accepted: only errors are ever logged"},
    {"systemd-cgroup", 0, FlagKind::kSwitch, "",
     "cgroups by systemd; cgroupsPath is slice:prefix:name"},
    {"cgroup-manager", 0, FlagKind::kText, "NAME", "cgroupfs (default), systemd or disabled"},
    {"rootless", 0, FlagKind::kText, "WHEN", "true, false or auto (default)"},
    {"criu", 0, FlagKind::kText, "PATH", "accepted for compatibility"},
    {"version", 'v', FlagKind::kSwitch, "", "print the version"},
};

constexpr Syntax kGlobalSyntax{.name = "[global options]",
                               .operands = "COMMAND [options] [arguments]",
                               .summary = "run containers by the OCI specification, held to policy",
                               .example = "holdfast run --bundle /srv/web web1",
                               .flags = kGlobalFlags,
                               .max_operands = SIZE_MAX,
                               .stops_at_operand = true};

Result<CgroupDriver> driver_named(const std::string& name) {
  if (name == "cgroupfs") return CgroupDriver::kCgroupfs;
  if (name == "systemd") return CgroupDriver::kSystemd;
  if (name == "disabled") return CgroupDriver::kDisabled;
  return error("unknown cgroup manager \"{}\": cgroupfs, systemd or disabled", name);
}

// The log flags are looked for first and by themselves, so that every later error lands there.
void read_log_flags(std::span<const std::string> words, Log& log) {
  for (size_t i = 0; i < words.size() && words[i].starts_with('-'); ++i) {
    const std::string_view word = words[i];
    const std::string_view name = word.substr(word.starts_with("--") ? 2 : 1);
    const auto value_of = [&](std::string_view flag) -> std::optional<std::string> {
      if (name == flag && i + 1 < words.size()) return words[++i];
      if (name.starts_with(flag) && name.size() > flag.size() && name[flag.size()] == '=')
        return std::string(name.substr(flag.size() + 1));
      return std::nullopt;
    };
    if (auto destination = value_of("log"))
      log.destination = *destination;
    else if (auto format = value_of("log-format"))
      log.format = *format == "json" ? LogFormat::kJson : LogFormat::kText;
    else
      for (const Flag& flag : kGlobalFlags)
        if (flag.kind != FlagKind::kSwitch && name == flag.name) ++i;
  }
}

}  // namespace

std::span<const Flag> global_flags() { return kGlobalFlags; }

Result<> parse_command_line(std::span<const std::string> words, CommandLine& line) {
  Globals& globals = line.globals;
  read_log_flags(words, globals.log);
  HF_TRY(Arguments args, parse(kGlobalSyntax, words));
  line.help = args.wants_help();
  line.version = args.on("version");
  line.rest = args.operands();
  if (const auto format = args.text("log-format");
      args.given("log-format") && format != "text" && format != "json")
    return error("invalid log-format: {}", format);
  globals.root = args.given("root") ? args.text("root") : default_state_root();
  if (globals.root.empty()) return error("--root: empty path");
  if (args.given("cgroup-manager")) {
    HF_TRY(globals.cgroup_driver, driver_named(args.text("cgroup-manager")));
  }
  if (args.on("systemd-cgroup")) globals.cgroup_driver = CgroupDriver::kSystemd;
  const std::string rootless = args.given("rootless") ? args.text("rootless") : "auto";
  if (rootless != "auto" && rootless != "true" && rootless != "false")
    return error("invalid value \"{}\" for flag --rootless: true, false or auto", rootless);
  if (rootless != "auto") globals.rootless = rootless == "true";
  return {};
}

std::string global_usage() {
  std::string out = usage(kGlobalSyntax);
  out += "\nCommands:\n";
  for (const Verb* verb : verbs())
    out += fmt::format("  {:<12}{}\n", verb->syntax.name, verb->syntax.summary);
  out += "\n\"holdfast COMMAND --help\" tells more.\n";
  return out;
}

std::string version_text() {
  return fmt::format("holdfast version {}\ncommit: {}\nspec: 1.3.0\n", HOLDFAST_VERSION,
                     source_commit());
}

Result<> print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(STDOUT_FILENO, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return os_error("write to stdout");
    text.remove_prefix(static_cast<size_t>(put));
  }
  return {};
}

}  // namespace holdfast
