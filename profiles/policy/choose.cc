// choose: which rule and which exceptions hold for one container.
#include <algorithm>

#include "profiles/policy/lattice.h"
#include "profiles/policy/policy_set.h"

namespace holdfast {
namespace {

struct Matched {
  bool yes = true;
  bool known = true;     // no selector asks for a fact that is absent
  std::string doubtful;  // the selectors that match by what somebody else may have written
};

bool is_doubtful(const ContainerIdentity& identity, std::string_view fact) {
  const auto& list = identity.doubtful;
  return std::find(list.begin(), list.end(), fact) != list.end();
}

Matched match(const Match& wanted, const PolicySet& set, const Subject& subject) {
  Matched matched;
  const ContainerIdentity& id = subject.identity;
  const auto doubt = [&](std::string_view selector) {
    if (!matched.doubtful.empty()) matched.doubtful += ", ";
    matched.doubtful += selector;
  };
  const auto compare = [&](std::string_view selector, const std::string& pattern,
                           const std::string& fact) {
    if (pattern.empty()) return;
    if (fact.empty()) matched.known = false;
    if (fact.empty() || !glob_matches(pattern, fact))
      matched.yes = false;
    else if (is_doubtful(id, selector))
      doubt(selector);
  };
  compare("engine", wanted.engine, id.engine);
  compare("namespace", wanted.pod_namespace, id.pod_namespace);
  compare("pod", wanted.pod, id.pod);
  compare("container", wanted.container, id.container);
  compare("image", wanted.image, id.image);
  compare("imageDigest", wanted.image_digest, id.image_digest);
  compare("handler", wanted.handler, id.handler);
  if (!wanted.user.empty() && parse_number<uint32_t>(wanted.user) != id.user) matched.yes = false;
  for (const auto& [key, pattern] : wanted.annotations) {
    const auto found = subject.annotations.find(key);
    if (found == subject.annotations.end() || !glob_matches(pattern, found->second)) {
      matched.yes = false;
    } else if (std::find(set.trusted_annotations.begin(), set.trusted_annotations.end(), key) ==
               set.trusted_annotations.end()) {
      doubt("annotation " + key);
    }
  }
  return matched;
}

constexpr char kDoubt[] = "somebody else than the engine may have written it";

Decision note(std::string asked, std::string applied, Outcome outcome, std::string why) {
  return {"policy", std::move(asked), std::move(applied), outcome, "", std::move(why)};
}

// What a rule decides, its gaps filled by the default.
Policy chosen(const PolicySet& set, const Choice* choice) {
  Policy policy;
  const Choice* fallback = set.fallback ? &*set.fallback : nullptr;
  if (fallback) policy.source = fallback->source;
  if (choice) policy.source = choice->source;
  for (const Choice* each : {choice, fallback})
    if (each && each->profile) {
      policy.profile = *set.find_profile(*each->profile);
      break;
    }
  for (const Choice* each : {choice, fallback})
    if (each && each->mode) {
      policy.mode = *each->mode;
      break;
    }
  // What the node denies by default a rule takes back by a profile or exception, never in silence.
  for (const Choice* each : {choice, fallback})
    if (each)
      for (const std::string& what : each->deny) deny(policy.profile, what);
  return policy;
}

void add_grants(const Exception& exception, Policy& policy) {
  for (const std::string& what : exception.allow)
    policy.grants.push_back({what, exception.name, exception.reason});
}

void choose_exceptions(const PolicySet& set, const Subject& subject, Policy& policy) {
  for (const Exception& exception : set.exceptions) {
    const Matched matched = match(exception.match, set, subject);
    if (!matched.yes) continue;
    const std::string what = fmt::format("exception \"{}\" ({})", exception.name, exception.source);
    if (exception.expires && *exception.expires < subject.today)
      policy.notes.push_back(
          note(what, "not given", Outcome::kNotPossible,
               fmt::format("it expired on {}", scalar_text(*exception.expires))));
    else if (!matched.doubtful.empty())
      policy.notes.push_back(note(what, "not given", Outcome::kNotPossible,
                                  fmt::format("it matches by {}: {}", matched.doubtful, kDoubt)));
    else
      add_grants(exception, policy);
  }
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) {
  // The classic one with a single point to come back to: linear for one star, never exponential.
  size_t p = 0, t = 0, star = pattern.npos, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != pattern.npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Policy tighten(const Policy& node, const Policy& user) {
  Policy both = node;
  both.profile = tighten(node.profile, user.profile);
  both.mode = std::min(node.mode, user.mode);
  std::erase_if(both.grants, [&](const Grant& each) {
    return std::none_of(user.grants.begin(), user.grants.end(),
                        [&](const Grant& other) { return other.what == each.what; });
  });
  both.notes.insert(both.notes.end(), user.notes.begin(), user.notes.end());
  if (!both.audit) both.audit = user.audit;
  both.source = fmt::format("{}, {}", node.source, user.source);
  return both;
}

Policy choose(const PolicySet& set, const Subject& subject) {
  const Choice* decided = nullptr;
  std::vector<std::pair<const Choice*, std::string>> doubtful;
  for (const SelectRule& rule : set.rules) {
    Matched matched = match(rule.match, set, subject);
    if (!matched.yes) continue;
    if (matched.doubtful.empty()) {
      decided = &rule.choice;
      break;
    }
    doubtful.emplace_back(&rule.choice, std::move(matched.doubtful));
  }
  Policy policy = chosen(set, decided);
  for (const auto& [choice, by] : doubtful) {
    const Policy other = chosen(set, choice);
    policy.profile = tighten(policy.profile, other.profile);
    policy.mode = std::min(policy.mode, other.mode);
    policy.notes.push_back(note(fmt::format("rule {}", choice->source), "only what it tightens",
                                Outcome::kNotPossible,
                                fmt::format("it matches by {}: {}", by, kDoubt)));
  }
  choose_exceptions(set, subject, policy);
  policy.identity = subject.identity;
  policy.audit = set.audit;
  return policy;
}

}  // namespace holdfast
