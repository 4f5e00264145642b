#include <sys/wait.h>
#include <unistd.h>

#include <spawn.h>
#include <algorithm>
#include <csignal>

#include "shim/oci/container.h"

extern char** environ;

namespace holdfast {
namespace {

constexpr Flag kFlags[] = {
    {"format", 'f', FlagKind::kText, "FORMAT", "table (default) or json"},
};

// What ps(1) prints for all processes of the host.
Result<std::string> ps_output(const std::vector<std::string>& options) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return os_error("pipe");
  Fd from(ends[0]);
  Fd to(ends[1]);
  std::vector<std::string> words = {"ps"};
  words.insert(words.end(), options.begin(), options.end());
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to.get(), STDOUT_FILENO);
  pid_t pid = 0;
  const int code = ::posix_spawnp(&pid, "ps", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) return os_error_of(code, "run ps");
  to = Fd();
  auto text = read_all(from, 64 << 20);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  if (text && status != 0) return error("ps failed: {}", trim(*text));
  return text;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (const auto word : split(line, ' '))
    if (!word.empty()) words.push_back(word);
  return words;
}

// The header, and the lines whose PID column holds one of the container's.
Result<std::string> filtered(const std::string& text, const std::vector<pid_t>& pids) {
  const auto lines = split(text, '\n');
  if (lines.empty()) return error("ps printed nothing");
  const auto titles = words_of(lines[0]);
  const auto column =
      static_cast<size_t>(std::find(titles.begin(), titles.end(), "PID") - titles.begin());
  if (column == titles.size()) return error("couldn't find PID field in ps output");
  std::string out = std::string(lines[0]) + "\n";
  for (const auto line : std::vector(lines.begin() + 1, lines.end())) {
    const auto words = words_of(line);
    if (words.size() <= column) continue;
    const auto pid = parse_number<pid_t>(words[column]);
    if (!pid) return error("unexpected pid '{}'", words[column]);
    if (std::find(pids.begin(), pids.end(), *pid) != pids.end()) out += std::string(line) + "\n";
  }
  return out;
}

std::string as_json(const std::vector<pid_t>& pids) {
  if (pids.empty()) return "null\n";
  std::string out = "[";
  for (const pid_t pid : pids) out += fmt::format("{}{}", out.size() > 1 ? "," : "", pid);
  return out + "]\n";
}

Result<int> run(const Globals& globals, const Arguments& args) {
  const std::string format = args.given("format") ? args.text("format") : "table";
  if (format != "table" && format != "json") return error("invalid format option");
  HF_TRY(const Container container, find_container(globals, args.operands()[0]));
  HF_TRY(const auto pids, processes(container.state.cgroups));
  if (format == "json") {
    HF_DO(print(as_json(pids)));
    return 0;
  }
  std::vector<std::string> options(args.operands().begin() + 1, args.operands().end());
  if (options.empty()) options = {"-ef"};
  HF_TRY(const std::string text, ps_output(options));
  HF_TRY(const std::string lines, filtered(text, pids));
  HF_DO(print(lines));
  return 0;
}

}  // namespace

const Verb kPsVerb = {.syntax = {.name = "ps",
                                 .operands = "ID [PS OPTIONS]",
                                 .summary = "show the processes of a container",
                                 .example = "holdfast ps web1 -o pid,comm",
                                 .flags = kFlags,
                                 .min_operands = 1,
                                 .max_operands = SIZE_MAX,
                                 .stops_at_operand = true},
                      .run = run};

}  // namespace holdfast
