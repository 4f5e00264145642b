#include "core/base/text.h"
#include "packaging/generate/program.h"

namespace holdfast::generate {
namespace {

// In _arguments a colon and brackets end a part.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ':' || c == '[' || c == ']' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string action_of(const Program& program, const Values& values) {
  std::vector<std::string> actions;
  if (!values.words.empty())
    actions.push_back(fmt::format("words:word:({})", join(values.words, " ")));
  if (values.containers)
    actions.push_back(fmt::format("containers:container:_{}_containers", program.name));
  if (values.files) actions.push_back("files:file:_files");
  if (values.directories) actions.push_back("directories:directory:_directories");
  if (actions.empty()) return " ";
  std::string out = "_alternative";
  for (const std::string& action : actions) out += " \"" + action + "\"";
  return "{" + out + "}";
}

std::string argument(const Program& program, const Flag& flag) {
  const std::string help = "[" + escaped(flag.help) + "]";
  const std::string value =
      flag.kind == FlagKind::kSwitch
          ? ""
          : ":" + escaped(flag.value) + ":" + action_of(program, values_of(flag));
  std::string out;
  for (const std::string& spelling : spellings(flag))
    out += " \\\n        " + shell_quoted("*" + spelling + help + value);
  return out;
}

std::string place_case(const Program& program, const Place& place) {
  std::string out = fmt::format("    {})\n", shell_quoted(place.words));
  if (!place.next.empty()) {
    out += "      local -a next=(\n";
    for (size_t i = 0; i < place.next.size(); ++i)
      out += "        " + shell_quoted(place.next[i] + ":" + escaped(place.says[i])) + "\n";
    out += "      )\n      _describe command next\n";
  }
  out += "      _arguments -S";
  for (const Flag& flag : place.flags) out += argument(program, flag);
  if (place.command && !place.command->operands.empty())
    out += " \\\n        " + shell_quoted("*:" + escaped(place.command->operands) + ":" +
                                          action_of(program, operands_of(*place.command)));
  return out + " ;;\n";
}

}  // namespace

std::string zsh_completion(const Program& program) {
  std::string steps, cases;
  for (const Place& place : places_of(program)) {
    for (const std::string& next : place.next) {
      const std::string reached = place.words.empty() ? next : place.words + " " + next;
      steps += fmt::format("      {}) command={} ;;\n", shell_quoted(place.words + " " + next),
                           shell_quoted(reached));
    }
    cases += place_case(program, place);
  }
  return fmt::format(R"zsh(#compdef {0}
# zsh completion of {0}, made from its table of commands
_{0}_containers() {{
  local -a containers
  containers=(${{(f)"$({0} list --quiet 2>/dev/null)"}})
  compadd -a containers
}}

_{0}() {{
  local command='' i
  for ((i = 2; i < CURRENT; i++)); do
    case "$command ${{words[i]}}" in
{1}    esac
  done
  case "$command" in
{2}  esac
}}

_{0} "$@"
)zsh",
                     program.name, steps, cases);
}

}  // namespace holdfast::generate
