#include "core/base/text.h"
#include "packaging/generate/program.h"

namespace holdfast::generate {
namespace {

// Text of a line of its own: nothing in it is a request or an escape.
std::string plain(std::string_view text) {
  std::string out;
  if (text.starts_with('.') || text.starts_with('\'')) out = "\\&";
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else
      out += c;
  }
  return out;
}

// Words as arguments of a macro: each one quoted, so that none is a macro's name.
std::string arguments(std::string_view text) {
  std::string out;
  for (const std::string_view word : split(text, ' ')) {
    if (!out.empty()) out += ' ';
    out += "\\&" + plain(word);
  }
  return out;
}

std::string flag_lines(const Flag& flag) {
  std::string out = ".It ";
  if (flag.letter) out += fmt::format("Fl {} , ", flag.letter);
  out += fmt::format("Fl -{}", flag.name);
  if (!flag.value.empty()) out += " Ar " + arguments(flag.value);
  return out + "\n" + plain(flag.help) + "\n";
}

}  // namespace

std::string manual_commands(const Program& program) {
  std::string out;
  for (const Place& place : places_of(program)) {
    const Syntax* const syntax = place.command;
    if (!syntax) continue;
    out += fmt::format(".Ss {} {}\n", program.name, syntax->name);
    out += ".Bd -ragged -compact\n.Nm\n.Cm " + arguments(syntax->name) + "\n";
    if (!syntax->flags.empty()) out += ".Op Ar options\n";
    if (!syntax->operands.empty()) out += ".Ar " + arguments(syntax->operands) + "\n";
    out += ".Ed\n.Pp\n" + plain(syntax->summary) + "\n";
    if (!syntax->flags.empty() || !syntax->more_flags.empty()) {
      out += ".Bl -tag -width Ds\n";
      for (const auto flags : {syntax->flags, syntax->more_flags})
        for (const Flag& flag : flags) out += flag_lines(flag);
      out += ".El\n";
    }
    if (syntax->example.empty()) continue;
    out += ".Bd -literal -offset indent\n";
    for (const std::string_view line : split(syntax->example, '\n'))
      out += plain(trim(line)) + "\n";
    out += ".Ed\n";
  }
  return out;
}

}  // namespace holdfast::generate
