// holdfast: the OCI runtime. As "holdfast-init" it is stage 1 or a container's first process.
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/launch/launch.h"
#include "shim/oci/verb.h"

namespace holdfast {
namespace {

Result<int> help(const CommandLine& line) {
  if (line.rest.size() < 2) {
    HF_DO(print(global_usage()));
    return 0;
  }
  const Verb* const verb = find_verb(line.rest[1]);
  if (!verb) return error("no such command: {}", line.rest[1]);
  HF_DO(print(usage(verb->syntax)));
  return 0;
}

Result<int> run_verb(const Verb& verb, const CommandLine& line) {
  HF_TRY(const Arguments args, parse(verb.syntax, std::span(line.rest).subspan(1)));
  if (args.wants_help()) {
    HF_DO(print(usage(verb.syntax)));
    return 0;
  }
  auto status = verb.run(line.globals, args);
  if (!status && !verb.failure_prefix.empty())
    return Failure(std::move(status.error()).wrap(verb.failure_prefix));
  return status;
}

Result<int> dispatch(std::span<const std::string> words, CommandLine& line, const Verb*& verb) {
  HF_DO(parse_command_line(words, line));
  if (line.version || (!line.rest.empty() && line.rest[0] == "version")) {
    HF_DO(print(version_text()));
    return 0;
  }
  if (line.help || line.rest.empty() || line.rest[0] == "help" || line.rest[0] == "h")
    return help(line);
  verb = find_verb(line.rest[0]);
  if (!verb) return error("no such command: {}", line.rest[0]);
  return run_verb(*verb, line);
}

}  // namespace

}  // namespace holdfast

int main(int argc, char** argv) {
  using namespace holdfast;
  const std::string_view name = argc > 0 ? argv[0] : "";
  if (name.substr(name.rfind('/') + 1) == "holdfast-init")
    return init_main(argc > 1 ? argv[1] : "");
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  CommandLine line;
  const Verb* verb = nullptr;
  const auto status = dispatch(words, line, verb);
  if (status) return *status;
  report_failure(line.globals.log, status.error().message);
  return verb ? verb->failure_status : 1;
}
