// What the generators of completions and manuals know of a program: its tables of commands and flags.
//
//   const Program* program = find_program("holdfastctl");
//   std::string text = bash_completion(*program);
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shim/oci/arguments.h"

namespace holdfast::generate {

struct Program {
  std::string_view name;
  std::span<const Flag> flags;  // before the command
  std::vector<const Syntax*> commands;
};

const Program* find_program(std::string_view name);

// A place on the command line: after these words ("", "seccomp", "seccomp test") these may follow.
struct Place {
  std::string words;
  std::vector<std::string> next;    // commands, or the first words of groups
  std::vector<std::string> says;    // what each of them does
  const Syntax* command = nullptr;  // the words are a command's
  std::vector<Flag> flags;          // with --help
};
// The top, groups and commands: a place before those that its words lead to.
std::vector<Place> places_of(const Program& program);

// What may stand for a flag's value or an operand.
struct Values {
  std::vector<std::string> words;
  bool files = false, directories = false, containers = false;
};
Values values_of(const Flag& flag);
Values operands_of(const Syntax& syntax);

// The spellings of a flag: "--root", "-r".
std::vector<std::string> spellings(const Flag& flag);

std::string bash_completion(const Program& program);
std::string zsh_completion(const Program& program);
std::string fish_completion(const Program& program);
// The commands and their flags as a section of mdoc(7).
std::string manual_commands(const Program& program);

// 'text' for a shell: quoted, so that nothing in it means anything.
std::string shell_quoted(std::string_view text);

}  // namespace holdfast::generate
