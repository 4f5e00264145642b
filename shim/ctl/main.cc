// holdfastctl: for people. What was applied to a container and why, what this host can enforce.
#include <unistd.h>

#include <string>
#include <vector>

#include "shim/ctl/verb.h"
#include "shim/oci/commit.h"

namespace holdfast::ctl {

namespace {

Result<int> run(const std::vector<std::string>& words) {
  const std::string_view name = words.empty() ? "help" : std::string_view(words[0]);
  if (name == "help" || name == "--help" || name == "-h") {
    HF_DO(print(overview()));
    return words.empty() ? 1 : 0;
  }
  if (name == "--version" || name == "-v") {
    HF_DO(print(
        fmt::format("holdfastctl version {}\ncommit: {}\n", HOLDFAST_VERSION, source_commit())));
    return 0;
  }
  const auto chosen = choose_verb(words);
  if (chosen) {
    const Syntax& syntax = chosen->verb->syntax;
    HF_TRY(const Arguments args, parse(syntax, chosen->rest));
    if (!args.wants_help()) return chosen->verb->run(args);
    HF_DO(print(usage(syntax, "holdfastctl")));
    return 0;
  }
  const std::string group = overview(name);
  if (group.empty()) return error("no such command: {}: try 'holdfastctl help'", name);
  if (words.size() > 1 && words[1] != "help" && words[1] != "--help" && words[1] != "-h")
    return error("no such command: {} {}: try 'holdfastctl {} help'", name, words[1], name);
  HF_DO(print(group));
  return words.size() > 1 ? 0 : 1;
}

}  // namespace
}  // namespace holdfast::ctl

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  const auto status = holdfast::ctl::run(words);
  if (status) return *status;
  dprintf(STDERR_FILENO, "holdfastctl: %s\n", status.error().message.c_str());
  const auto chosen = holdfast::ctl::choose_verb(words);
  return chosen ? chosen->verb->failure_status : 1;
}
