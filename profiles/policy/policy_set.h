// PolicySet: what the node's files say, all of them, checked; and the choice for one container.
//
//   HF_TRY(PolicySet set, compile_policy(files));
//   Policy policy = choose(set, {identity, spec.annotations, date_of(now)});
//
// Rules are tried in the order of the files' names and of the rules in them; the first whose selectors
// all match decides, else `default`. A rule that matches by a fact that somebody else may have written is
// passed over and tightens what is decided without it. An exception never matches by such a fact.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "profiles/policy/policy.h"

namespace holdfast {

// Which containers are meant: each selector that is not empty must match; "*" stands for anything.
struct Match {
  std::string engine, pod_namespace, pod, container, image, image_digest, user, handler;
  std::map<std::string, std::string> annotations;
};

struct Choice {
  std::optional<std::string> profile;
  std::optional<Mode> mode;
  std::vector<std::string> deny;
  std::string source;  // "/etc/holdfast/policy.d/10-node.json:4"
};

struct SelectRule {
  Match match;
  Choice choice;
};

struct Exception {
  std::string name;
  Match match;
  std::vector<std::string> allow;
  std::string reason;
  std::optional<Date> expires;  // the last day on which it holds
  std::string source;
};

struct PolicySet {
  std::vector<std::string> files;  // those that were read, policies first
  std::optional<Choice> fallback;  // "default"
  std::vector<SelectRule> rules;
  std::vector<Exception> exceptions;
  std::optional<AuditSettings> audit;  // "audit"
  std::string audit_source;            // "/etc/holdfast/policy.d/10-node.json"
  // Annotations that may loosen, because whoever can write them is trusted with that.
  std::vector<std::string> trusted_annotations;
  std::map<std::string, Profile> profiles;  // flattened

  bool empty() const { return files.empty(); }
  // Of the files or shipped; nullptr: there is none of this name.
  const Profile* find_profile(std::string_view name) const;
};

struct PolicyText {
  std::string path;  // "/etc/holdfast/policy.d/10-node.json"
  std::string text;
};

// Every mistake of every file in one error, each with file, line and column.
Result<PolicySet> compile_policy(const std::vector<PolicyText>& policies,
                                 const std::vector<PolicyText>& profiles);

// Whom to choose for, and when.
struct Subject {
  const ContainerIdentity& identity;
  const oci::StringMap& annotations;
  Date today;
};

Policy choose(const PolicySet& set, const Subject& subject);

// The stricter of both in every respect: profile, mode, and only what exceptions of both give.
Policy tighten(const Policy& node, const Policy& user);

// "registry.example/*" matches "registry.example/a/b:1"; "*" stands for any text, the rest for itself.
bool glob_matches(std::string_view pattern, std::string_view text);

}  // namespace holdfast
