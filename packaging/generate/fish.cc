#include "core/base/text.h"
#include "packaging/generate/program.h"

namespace holdfast::generate {
namespace {

// In fish's single quotes a backslash escapes itself and the quote.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string candidates(const Program& program, const Values& values) {
  std::vector<std::string> all = values.words;
  if (values.containers) all.push_back(fmt::format("({} list --quiet 2>/dev/null)", program.name));
  if (values.files) all.push_back("(__fish_complete_path (commandline -ct))");
  if (values.directories) all.push_back("(__fish_complete_directories (commandline -ct))");
  return join(all, " ");
}

std::string place_lines(const Program& program, const Place& place) {
  const std::string at =
      fmt::format("complete -c {0} -n {1} ", program.name,
                  quoted(fmt::format("__{}_at \"{}\"", program.name, place.words)));
  std::string out;
  for (size_t i = 0; i < place.next.size(); ++i)
    out += at + "-a " + quoted(place.next[i]) + " -d " + quoted(place.says[i]) + "\n";
  for (const Flag& flag : place.flags) {
    out += at;
    if (flag.letter) out += fmt::format("-s {} ", flag.letter);
    out += fmt::format("-l {} ", flag.name);
    if (flag.kind != FlagKind::kSwitch) {
      out += "-x ";
      const std::string values = candidates(program, values_of(flag));
      if (!values.empty()) out += "-a " + quoted(values) + " ";
    }
    out += "-d " + quoted(flag.help) + "\n";
  }
  const std::string operands =
      place.command ? candidates(program, operands_of(*place.command)) : "";
  if (!operands.empty()) out += at + "-a " + quoted(operands) + "\n";
  return out;
}

}  // namespace

std::string fish_completion(const Program& program) {
  std::string steps, lines;
  for (const Place& place : places_of(program)) {
    for (const std::string& next : place.next) {
      const std::string reached = place.words.empty() ? next : place.words + " " + next;
      steps += fmt::format("      case {}\n        set command {}\n",
                           quoted(place.words + " " + next), quoted(reached));
    }
    lines += place_lines(program, place);
  }
  return fmt::format(R"fish(# fish completion of {0}, made from its table of commands
function __{0}_at
  set -l command ''
  for word in (commandline -opc)[2..]
    switch "$command $word"
{1}    end
  end
  test "$command" = "$argv[1]"
end

complete -c {0} -f
{2})fish",
                     program.name, steps, lines);
}

}  // namespace holdfast::generate
