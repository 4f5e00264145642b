// holdfastctl: for people. What was applied to a container and why, what this host can enforce.
#include <unistd.h>

#include <string>
#include <vector>

#include "core/base/fd.h"
#include "shim/ctl/verb.h"

namespace holdfast::ctl {

Result<Format> format_of(const Arguments& args) {
  const std::string name = args.text("format");
  if (name.empty() || name == "table") return Format::kTable;
  if (name == "json") return Format::kJson;
  return error("--format: unknown format \"{}\": table or json", name);
}

Result<> print(std::string_view text) {
  Fd out(STDOUT_FILENO);
  auto written = with_context(write_all(out, text), "write the answer");
  out.release();
  return written;
}

namespace {

constexpr const CtlVerb* kVerbs[] = {&kExplainVerb, &kWhyVerb, &kDoctorVerb};

std::string overview() {
  std::string text =
      "holdfastctl - what holdfast applied to a container and why\n\n"
      "Usage:\n  holdfastctl COMMAND [options] ...\n\nCommands:\n";
  for (const CtlVerb* verb : kVerbs)
    text += fmt::format("  {:<10} {}\n", verb->syntax.name, verb->syntax.summary);
  text += "\n'holdfastctl COMMAND --help' shows its options and an example.\n";
  return text;
}

Result<int> run(const std::vector<std::string>& words) {
  const std::string_view name = words.empty() ? "help" : std::string_view(words[0]);
  if (name == "help" || name == "--help" || name == "-h") {
    HF_DO(print(overview()));
    return words.empty() ? 1 : 0;
  }
  if (name == "--version" || name == "-v") {
    HF_DO(print("holdfastctl version " HOLDFAST_VERSION "\n"));
    return 0;
  }
  for (const CtlVerb* verb : kVerbs) {
    if (verb->syntax.name != name) continue;
    HF_TRY(const Arguments args, parse(verb->syntax, std::span(words).subspan(1)));
    if (!args.wants_help()) return verb->run(args);
    HF_DO(print(usage(verb->syntax, "holdfastctl")));
    return 0;
  }
  return error("no such command: {}: try 'holdfastctl help'", name);
}

}  // namespace
}  // namespace holdfast::ctl

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  const auto status = holdfast::ctl::run(words);
  if (status) return *status;
  dprintf(STDERR_FILENO, "holdfastctl: %s\n", status.error().message.c_str());
  return 1;
}
