// generate: completions and manuals from the programs' own tables, at build time.
//
//   generate bash|zsh|fish PROGRAM
//   generate manual PROGRAM TEMPLATE      the template's line "@COMMANDS@" becomes the commands
#include <unistd.h>

#include <string>

#include "core/base/fd.h"
#include "packaging/generate/program.h"

namespace holdfast::generate {
namespace {

Result<std::string> text_of(const std::string& form, const Program& program,
                            const std::string& file) {
  if (form == "bash") return bash_completion(program);
  if (form == "zsh") return zsh_completion(program);
  if (form == "fish") return fish_completion(program);
  if (form != "manual" || file.empty())
    return error("usage: generate bash|zsh|fish PROGRAM, generate manual PROGRAM TEMPLATE");
  HF_TRY(std::string text, read_file(file));
  constexpr std::string_view kPlace = "@COMMANDS@\n";
  const size_t at = text.find(kPlace);
  if (at == std::string::npos) return error("{}: no line {}", file, kPlace);
  return text.replace(at, kPlace.size(), manual_commands(program));
}

Result<> run(int argc, char** argv) {
  if (argc < 3) return error("usage: generate FORM PROGRAM [TEMPLATE]");
  const Program* const program = find_program(argv[2]);
  if (!program) return error("unknown program {}", argv[2]);
  HF_TRY(const std::string text, text_of(argv[1], *program, argc > 3 ? argv[3] : ""));
  Fd out(STDOUT_FILENO);
  auto written = write_all(out, text);
  out.release();
  return written;
}

}  // namespace
}  // namespace holdfast::generate

int main(int argc, char** argv) {
  const auto done = holdfast::generate::run(argc, argv);
  if (done) return 0;
  dprintf(STDERR_FILENO, "generate: %s\n", done.error().message.c_str());
  return 1;
}
