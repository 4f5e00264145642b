// The order of profiles: which is tighter, and the widest that is as tight as both of two.
//
//   Profile both = tighten(node, user);              // tighten(tighten(a, b), b) == tighten(a, b)
//   for (const Loosening& l : loosenings(web, restricted)) ...   // empty: web only narrows it
#pragma once

#include <string>
#include <vector>

#include "profiles/policy/profile.h"

namespace holdfast {

struct Loosening {
  std::string field;    // "capabilities.allow"
  std::string allowed;  // the values, as JSON
  std::string asked;
};

// Where `profile` allows more than `base`.
std::vector<Loosening> loosenings(const Profile& profile, const Profile& base);

// What both allow, under the name of the tighter one, or both names where none is.
Profile tighten(const Profile& a, const Profile& b);

// Whether the two allow the same, whatever their names.
bool same_rules(const Profile& a, const Profile& b);

// "/srv/*" covers "/srv/a" and "/srv/*": a trailing "*" stands for any end.
bool pattern_covers(std::string_view pattern, std::string_view text);

}  // namespace holdfast
