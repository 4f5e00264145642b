#include "packaging/generate/program.h"

#include <algorithm>

#include "core/base/text.h"
#include "shim/ctl/verb.h"
#include "shim/oci/verb.h"

namespace holdfast::generate {
namespace {

constexpr Flag kHelp{"help", 'h', FlagKind::kSwitch, "", "show this help"};
constexpr Flag kVersion{"version", 'v', FlagKind::kSwitch, "", "print the version"};
constexpr Flag kCtlFlags[] = {kVersion};

Program runtime() {
  Program program{"holdfast", global_flags(), {}};
  for (const Verb* verb : verbs()) program.commands.push_back(&verb->syntax);
  return program;
}

Program ctl() {
  Program program{"holdfastctl", kCtlFlags, {}};
  for (const ctl::CtlVerb* verb : ctl::verbs()) program.commands.push_back(&verb->syntax);
  return program;
}

std::vector<Flag> with_help(std::initializer_list<std::span<const Flag>> lists) {
  std::vector<Flag> all;
  for (const auto list : lists) all.insert(all.end(), list.begin(), list.end());
  all.push_back(kHelp);
  return all;
}

bool is_alternative(std::string_view word) {
  return word.find('|') != std::string_view::npos &&
         std::none_of(word.begin(), word.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

void add_words(std::vector<std::string>& words, std::string_view alternatives) {
  for (const std::string_view each : split(alternatives, '|')) words.emplace_back(each);
}

}  // namespace

const Program* find_program(std::string_view name) {
  static const Program programs[] = {runtime(), ctl()};
  for (const Program& program : programs)
    if (program.name == name) return &program;
  return nullptr;
}

std::vector<Place> places_of(const Program& program) {
  std::vector<Place> places(1);
  places[0].flags = with_help({program.flags});
  std::vector<Place> groups, commands;
  for (const Syntax* syntax : program.commands) {
    const std::string name(syntax->name);
    const size_t blank = name.find(' ');
    Place command;
    command.words = name;
    command.command = syntax;
    command.flags = with_help({syntax->flags, syntax->more_flags});
    commands.push_back(std::move(command));
    if (blank == std::string::npos) {
      places[0].next.push_back(name);
      places[0].says.emplace_back(syntax->summary);
      continue;
    }
    const std::string group = name.substr(0, blank);
    auto found = std::find_if(groups.begin(), groups.end(),
                              [&](const Place& each) { return each.words == group; });
    if (found == groups.end()) {
      Place place;
      place.words = group;
      place.flags = with_help({});
      found = groups.insert(groups.end(), std::move(place));
      places[0].next.push_back(group);
      places[0].says.emplace_back(syntax->summary);
    }
    found->next.push_back(name.substr(blank + 1));
    found->says.emplace_back(syntax->summary);
  }
  places.insert(places.end(), groups.begin(), groups.end());
  places.insert(places.end(), commands.begin(), commands.end());
  return places;
}

Values values_of(const Flag& flag) {
  Values values;
  if (flag.name == "format") values.words = {"table", "json"};
  if (flag.name == "format" && flag.help.find("falco") != flag.help.npos)
    values.words.emplace_back("falco");
  if (flag.name == "level") values.words = {"informational", "low", "medium", "high", "critical"};
  if (flag.name == "log-format") values.words = {"text", "json"};
  if (flag.name == "cgroup-manager") values.words = {"cgroupfs", "systemd", "disabled"};
  if (flag.name == "rootless") values.words = {"true", "false", "auto"};
  values.directories = flag.value == "DIR";
  for (const std::string_view part : {"FILE", "PATH", "SOCKET"})
    values.files = values.files || flag.value.find(part) != std::string_view::npos;
  return values;
}

Values operands_of(const Syntax& syntax) {
  Values values;
  for (std::string_view word : split(syntax.operands, ' ')) {
    if (is_alternative(word)) add_words(values.words, word);
    const auto names = [&](std::string_view what) {
      return word.find(what) != std::string_view::npos;
    };
    values.containers = values.containers || word.starts_with("ID") || names("CONTAINER");
    for (const std::string_view part : {"BUNDLE", "FILE", "DIR", "POLICY", "PLAN"})
      values.files = values.files || names(part);
    if (!names("PROFILE")) continue;
    values.files = values.containers = true;
    values.words.insert(values.words.end(), {"baseline", "restricted"});
  }
  return values;
}

std::vector<std::string> spellings(const Flag& flag) {
  std::vector<std::string> all{"--" + std::string(flag.name)};
  if (flag.letter) all.push_back(std::string("-") + flag.letter);
  return all;
}

std::string shell_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out + "'";
}

}  // namespace holdfast::generate
