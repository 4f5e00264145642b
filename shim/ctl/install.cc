// install, uninstall: makes holdfast a runtime of an engine by the engine's own configuration, and takes
// it out again so that the file is what it was, byte by byte.
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdio>

#include "core/base/fd.h"
#include "shim/ctl/containers.h"
#include "shim/ctl/engine_setup.h"
#include "shim/ctl/install_store.h"
#include "shim/ctl/json_answer.h"
#include "shim/ctl/table.h"
#include "shim/ctl/unified_diff.h"
#include "shim/ctl/verb.h"

namespace holdfast::ctl {
namespace {

using Text = std::optional<std::string>;

struct Change {
  const EngineSetup* setup;
  std::string path;
  Text before, after;
  bool dry_run = false;
  std::vector<std::string> notes;
};

Result<const EngineSetup*> setup_of(const Arguments& args) {
  const std::string& name = args.operands()[0];
  if (const EngineSetup* const setup = find_setup(name)) return setup;
  std::vector<std::string> names;
  for (const EngineSetup& each : engine_setups()) names.emplace_back(each.name);
  return error("unknown engine \"{}\": {}", name, join(names, ", "));
}

std::string root_of(const Arguments& args) { return args.given("root") ? args.text("root") : "/"; }

Result<std::string> beside_us() {
  char path[PATH_MAX];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  if (size <= 0) return os_error("readlink /proc/self/exe");
  const std::string_view own(path, static_cast<size_t>(size));
  return std::string(own.substr(0, own.rfind('/'))) + "/holdfast";
}

// What is run as root by every engine must be root's alone.
Result<> check_runtime(const std::string& path, bool look) {
  if (!path.starts_with('/')) return error("--runtime-path: \"{}\" is not absolute", path);
  for (const char c : path)
    if (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\' || c == 0x7f)
      return error("--runtime-path: a character that no configuration takes");
  if (!look) return {};
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return os_error("runtime {}", path);
  if (!S_ISREG(info.st_mode) || (info.st_mode & 0111) == 0)
    return error("runtime {}: it is no program", path);
  if (info.st_uid != 0 && info.st_uid != ::geteuid())
    return error("runtime {}: it belongs to uid {}", path, info.st_uid);
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return error("runtime {}: others can write to it", path);
  return {};
}

Result<SetupOptions> options_of(const Arguments& args) {
  SetupOptions options;
  options.make_default = args.on("default");
  options.systemd_cgroup = args.on("systemd-cgroup");
  options.runtime = args.text("runtime-path");
  if (options.runtime.empty()) {
    HF_TRY(options.runtime, beside_us());
  }
  HF_DO(check_runtime(options.runtime, root_of(args) == "/"));
  return options;
}

// "line 2, column 7: why" and "2:7: why" as "FILE:2:7: why".
template <class T>
Result<T> in_file(Result<T> result, const std::string& path) {
  if (result) return result;
  std::string message = std::move(result.error().message);
  unsigned line = 0, column = 0;
  int end = 0;
  if (::sscanf(message.c_str(), "line %u, column %u:%n", &line, &column, &end) == 2 && end > 0)
    message = fmt::format("{}:{}:{}", line, column, message.substr(static_cast<size_t>(end) - 1));
  const bool placed = ::sscanf(message.c_str(), "%u:%u:", &line, &column) == 2;
  return Failure(
      Error{fmt::format("{}:{}{}", path, placed ? "" : " ", message), result.error().code});
}

// The file without us: as it was found, or, where others changed it since, what is left of it.
Result<Text> without_us(const InstallStore& store, const EngineSetup& setup) {
  const auto& record = store.record();
  const Text then = record && record->existed ? Text(record->before) : std::nullopt;
  if (store.is_as_installed()) return then;
  if (!store.current()) return Text();
  return in_file(setup.strip(*store.current(), then), store.path());
}

std::vector<std::string> diff_of(const Change& change) {
  const std::string diff = unified_diff(change.path, change.before, change.after);
  std::vector<std::string> lines;
  for (const std::string_view line : split(diff, '\n')) lines.emplace_back(line);
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::string shown(std::string_view line) {
  std::string out;
  for (const char c : line) {
    if (c == '\t')
      out += "    ";
    else
      out += c;
  }
  return printable(out);
}

std::string text_answer(const Change& change) {
  if (change.before == change.after)
    return fmt::format("{}: nothing to change\n", change.setup->name);
  std::string text;
  const Terminal terminal = terminal_of(STDOUT_FILENO);
  for (const std::string& line : diff_of(change)) {
    const Colour colour = line.starts_with('+')   ? Colour::kGreen
                          : line.starts_with('-') ? Colour::kRed
                                                  : Colour::kNone;
    text += coloured(shown(line), colour, terminal) + "\n";
  }
  for (const std::string& note : change.notes) text += printable(note) + "\n";
  if (change.dry_run) return text + "nothing was changed: --dry-run\n";
  if (!change.setup->then.empty()) text += fmt::format("then: {}\n", change.setup->then);
  return text;
}

std::string json_answer(const Change& change) {
  JsonAnswer answer;
  answer.text("engine", change.setup->name);
  answer.text("path", change.path);
  answer.flag("changed", change.before != change.after && !change.dry_run);
  answer.flag("dryRun", change.dry_run);
  answer.text_if_any("action", change.before == change.after ? ""
                               : !change.before              ? "create"
                               : !change.after               ? "remove"
                                                             : "edit");
  answer.begin_list("diff");
  for (const std::string& line : diff_of(change)) answer.element(line);
  answer.end_list();
  answer.begin_list("notes");
  for (const std::string& note : change.notes) answer.element(note);
  answer.end_list();
  if (change.before != change.after) answer.text_if_any("then", change.setup->then);
  return std::move(answer).take();
}

Result<int> tell(const Change& change, Format format) {
  HF_DO(print(format == Format::kJson ? json_answer(change) : text_answer(change)));
  return 0;
}

Result<std::vector<std::string>> notes_of(const std::string& root, const EngineSetup& setup) {
  std::vector<std::string> notes;
  if (setup.companion.empty()) return notes;
  HF_TRY(const InstallStore other, InstallStore::open(root, *find_setup(setup.companion)));
  if (!other.record()) notes.emplace_back(setup.note);
  return notes;
}

Result<int> install(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  HF_TRY(const EngineSetup* const setup, setup_of(args));
  HF_TRY(const SetupOptions options, options_of(args));
  HF_TRY(InstallStore store, InstallStore::open(root_of(args), *setup));
  // What is there without a record is the administrator's, and stays so.
  Text found = store.current();
  if (store.record()) {
    HF_TRY(found, without_us(store, *setup));
  }
  HF_TRY(const std::string after, in_file(setup->add(found, options), store.path()));
  HF_TRY(std::vector<std::string> notes, notes_of(root_of(args), *setup));
  const Change change{setup, store.path(),       store.current(),
                      after, args.on("dry-run"), std::move(notes)};
  if (!change.dry_run && change.before != change.after) {
    InstallRecord record;
    record.engine = setup->name;
    record.existed = found.has_value();
    record.before = found.value_or("");
    HF_DO(store.write(after, std::move(record)));
  }
  return tell(change, format);
}

// Containers whose runtime the engine is about to forget.
std::vector<std::string> containers_of(const EngineSetup& setup) {
  const std::string_view engine = setup.name == "crio" ? "cri-o" : setup.name;
  size_t count = 0;
  for (const Found& found : all_containers("").found)
    if (found.engine.starts_with(engine)) ++count;
  if (count == 0) return {};
  return {
      fmt::format("{} of {}'s containers were made by holdfast: another runtime cannot stop or "
                  "delete them (holdfastctl list)",
                  count, setup.name)};
}

Result<int> uninstall(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  HF_TRY(const EngineSetup* const setup, setup_of(args));
  HF_TRY(InstallStore store, InstallStore::open(root_of(args), *setup));
  HF_TRY(Text after, without_us(store, *setup));
  Change change{setup, store.path(), store.current(), std::move(after), args.on("dry-run"), {}};
  if (store.record() && !store.is_as_installed() && store.current())
    change.notes.emplace_back(
        "it was changed since the install: only what is holdfast's is taken out");
  if (root_of(args) == "/")
    for (std::string& note : containers_of(*setup)) change.notes.push_back(std::move(note));
  if (!change.dry_run) HF_DO(store.restore(change.after));
  return tell(change, format);
}

constexpr Flag kInstallRoot{"root", 0, FlagKind::kText, "DIR", "what stands for / (default: /)"};
constexpr Flag kDryRun{"dry-run", 'n', FlagKind::kSwitch, "", "show what would change, and stop"};

constexpr Flag kInstallFlags[] = {
    {"default", 'd', FlagKind::kSwitch, "", "make it the engine's default runtime"},
    {"systemd-cgroup", 0, FlagKind::kSwitch, "",
     "containerd: cgroups by systemd (default: as its runc has it)"},
    {"runtime-path", 0, FlagKind::kText, "FILE",
     "the runtime (default: holdfast beside this program)"},
    kDryRun,
    kInstallRoot,
    kFormatFlag,
};
constexpr Flag kUninstallFlags[] = {kDryRun, kInstallRoot, kFormatFlag};

}  // namespace

const CtlVerb kInstallVerb = {{.name = "install",
                               .operands = "docker|docker-build|containerd|podman|crio",
                               .summary = "make holdfast a runtime of an engine",
                               .example = "holdfastctl install docker --default --dry-run",
                               .flags = kInstallFlags,
                               .min_operands = 1,
                               .max_operands = 1},
                              install};

const CtlVerb kUninstallVerb = {{.name = "uninstall",
                                 .operands = "docker|docker-build|containerd|podman|crio",
                                 .summary = "give an engine its configuration back as it was",
                                 .example = "holdfastctl uninstall docker",
                                 .flags = kUninstallFlags,
                                 .min_operands = 1,
                                 .max_operands = 1},
                                uninstall};

}  // namespace holdfast::ctl
