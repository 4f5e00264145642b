#include "core/base/text.h"
#include "packaging/generate/program.h"

namespace holdfast::generate {
namespace {

// case patterns: 'explain:--root'|'explain:-r'
std::string patterns(const Place& place, const Flag& flag) {
  std::vector<std::string> all;
  for (const std::string& spelling : spellings(flag))
    all.push_back(shell_quoted(place.words + ":" + spelling));
  return join(all, " | ");
}

std::string value_case(const Place& place, const Flag& flag) {
  const Values values = values_of(flag);
  std::string action = "return";
  if (!values.words.empty())
    action = "_holdfast_reply -W " + shell_quoted(join(values.words, " ")) + "; return";
  else if (values.directories)
    action = "_holdfast_reply -d; return";
  else if (values.files)
    action = "_holdfast_reply -f; return";
  return fmt::format("    {}) {} ;;\n", patterns(place, flag), action);
}

std::string word_case(const Program& program, const Place& place) {
  std::vector<std::string> words = place.next;
  for (const Flag& flag : place.flags)
    for (const std::string& spelling : spellings(flag)) words.push_back(spelling);
  const Values operands = place.command ? operands_of(*place.command) : Values{};
  words.insert(words.end(), operands.words.begin(), operands.words.end());
  std::string out =
      fmt::format("    {}) words={} ", shell_quoted(place.words), shell_quoted(join(words, " ")));
  if (operands.containers)
    out += fmt::format("&& [[ $current != -* ]] && words+=\" $({} list --quiet 2>/dev/null)\" ",
                       program.name);
  if (operands.files) out += "; files=1 ";
  return out + ";;\n";
}

}  // namespace

std::string bash_completion(const Program& program) {
  std::string steps, values, words;
  for (const Place& place : places_of(program)) {
    for (const std::string& next : place.next) {
      const std::string reached = place.words.empty() ? next : place.words + " " + next;
      steps += fmt::format("      {}) command={} ;;\n", shell_quoted(place.words + " " + next),
                           shell_quoted(reached));
    }
    for (const Flag& flag : place.flags)
      if (flag.kind != FlagKind::kSwitch) values += value_case(place, flag);
    words += word_case(program, place);
  }
  return fmt::format(R"bash(# bash completion of {0}, made from its table of commands
_holdfast_reply() {{ mapfile -t COMPREPLY < <(compgen "$@" -- "${{COMP_WORDS[COMP_CWORD]}}"); }}

_{0}() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
  local command='' words='' files='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$command ${{COMP_WORDS[i]}}" in
{1}    esac
  done
  case "$command:$previous" in
{2}  esac
  case "$command" in
{3}  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current"; [[ -n $files ]] && compgen -f -- "$current")
  [[ -n $files ]] && compopt -o filenames 2>/dev/null
  return 0
}}
complete -F _{0} {0}
)bash",
                     program.name, steps, values, words);
}

}  // namespace holdfast::generate
