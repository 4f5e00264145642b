#include "profiles/policy/judge.h"

namespace holdfast {
namespace {

std::string_view base_name(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == path.npos ? path : path.substr(slash + 1);
}

bool same_letters(std::string_view text, std::string_view lower) {
  for (size_t i = 0; i < lower.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) != lower[i]) return false;
  }
  return true;
}

}  // namespace

std::string one_line(std::string_view text) {
  static constexpr std::string_view kPhrases[] = {"permission denied", "no such file",
                                                  "executable file not found"};
  std::string line(text);
  for (char& c : line)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  for (const std::string_view phrase : kPhrases) {
    for (size_t at = 0; at + phrase.size() <= line.size(); ++at) {
      if (!same_letters(std::string_view(line).substr(at, phrase.size()), phrase)) continue;
      for (size_t i = at; i < at + phrase.size(); ++i)
        if (line[i] == ' ') line[i] = '_';
    }
  }
  return line;
}

const Grant* Judge::exception(std::string_view name) const {
  for (const Grant& grant : policy_.grants)
    if (grant.what == name) return &grant;
  return nullptr;
}

const Grant* Judge::exception(std::string_view name, std::string_view detail) const {
  for (const Grant& grant : policy_.grants) {
    const std::string_view text = grant.what;
    if (!text.starts_with(name)) continue;
    if (text.size() == name.size()) return &grant;
    if (text[name.size()] == ':' && text.substr(name.size() + 1) == detail) return &grant;
  }
  return nullptr;
}

std::string_view Judge::mode_name() const {
  return policy_.mode == Mode::kAudit ? "audit" : "warn";
}

void Judge::add(std::string_view control, std::string_view asked, std::string_view applied,
                Outcome outcome, std::string_view rule, std::string_view why) {
  if (!active()) return;
  decisions_.push_back({std::string(control), std::string(asked), std::string(applied), outcome,
                        std::string(rule), std::string(why)});
}

void Judge::kept(std::string_view control, std::string_view asked, std::string_view why) {
  add(control, asked, asked, Outcome::kKept, {}, why);
}

void Judge::warned(RuleId rule, std::string_view control, std::string_view asked,
                   std::string_view why) {
  add(control, asked, asked, Outcome::kWarned, rule_of(rule).id, why);
}

void Judge::excepted(RuleId rule, std::string_view control, std::string_view asked,
                     const Grant& grant) {
  add(control, asked, asked, Outcome::kWarned, rule_of(rule).id,
      fmt::format("exception \"{}\": {}", grant.exception, grant.reason));
}

void Judge::impossible(std::string_view control, std::string_view asked, std::string_view applied,
                       std::string_view why) {
  add(control, asked, applied, Outcome::kNotPossible, {}, why);
}

bool Judge::tighten(RuleId rule, std::string_view control, std::string_view asked,
                    std::string_view applied, std::string_view why) {
  if (!active()) return false;
  if (enforcing()) {
    add(control, asked, applied, Outcome::kTightened, rule_of(rule).id, why);
    return true;
  }
  add(control, asked, asked, Outcome::kWarned, rule_of(rule).id,
      fmt::format("mode {}: would be {}: {}", mode_name(), applied, why));
  return false;
}

void Judge::always(RuleId rule, std::string_view control, std::string_view asked,
                   std::string_view applied, std::string_view why) {
  decisions_.push_back({std::string(control), std::string(asked), std::string(applied),
                        Outcome::kTightened, std::string(rule_of(rule).id), std::string(why)});
}

void Judge::refuse(RuleId rule, std::string_view control, std::string_view asked,
                   std::string_view phrase) {
  if (!active()) return;
  const Rule& row = rule_of(rule);
  if (enforcing()) {
    add(control, asked, "refused", Outcome::kRefused, row.id, row.fix);
    violations_.push_back({rule, one_line(phrase)});
  } else {
    add(control, asked, asked, Outcome::kWarned, row.id,
        fmt::format("mode {}: would be refused: {}", mode_name(), row.fix));
  }
}

void Judge::gate(Access access, const Grant* grant, RuleId rule, std::string_view control,
                 std::string_view asked, std::string_view phrase, std::string_view why) {
  if (access == Access::kAllow)
    kept(control, asked);
  else if (grant)
    excepted(rule, control, asked, *grant);
  else if (access == Access::kDeny)
    refuse(rule, control, asked, phrase);
  else
    warned(rule, control, asked, why);
}

Requirement Judge::wanted(Requirement profile, RuleId rule, std::string_view control) {
  if (!active() || profile == Requirement::kOff) return Requirement::kOff;
  const Grant* grant = exception(control);
  if (!grant) return profile;
  excepted(rule, control, "off", *grant);
  return Requirement::kOff;
}

void Judge::unavailable(Requirement wanted, std::string_view control, std::string_view why) {
  if (wanted == Requirement::kAuto) {
    impossible(control, "", "not applied", why);
  } else if (wanted == Requirement::kRequire) {
    refuse(RuleId::kUnavailable, control, "", fmt::format("requires {}, but {}", control, why));
  }
}

std::optional<Error> Judge::refusal() const {
  if (violations_.empty()) return std::nullopt;
  std::string text =
      fmt::format("refused by policy ({}, profile {}): ", one_line(base_name(policy_.source)),
                  one_line(policy_.profile.name));
  uint64_t told = 0;  // rules whose fix stands in the text already
  for (size_t i = 0; i < violations_.size(); ++i) {
    const auto& [id, phrase] = violations_[i];
    const uint64_t bit = uint64_t{1} << static_cast<unsigned>(id);
    const Rule& rule = rule_of(id);
    if (i > 0) text += "; ";
    text += (told & bit) ? fmt::format("{} [{}]", phrase, rule.id)
                         : fmt::format("{} [{}: {}]", phrase, rule.id, rule.fix);
    told |= bit;
  }
  return Error{std::move(text), 0};
}

}  // namespace holdfast
