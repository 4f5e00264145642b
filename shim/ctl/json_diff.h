// Where two JSON documents differ, path by path.
//
//   for (const Difference& d : differences(a.root(), b.root())) ...
//   // {"capabilities.allow", "", "+NET_RAW"}, {"limits.pids.max", "4096", "100"}
//
// Lists of plain values are compared as sets: what only one side has. Lists of objects are compared by
// their name, path or destination where each has one, else by position.
#pragma once

#include <string>
#include <vector>

#include "core/json/document.h"

namespace holdfast::ctl {

struct Difference {
  std::string path;
  std::string left, right;  // the values; empty: absent
};

std::vector<Difference> differences(json::Value left, json::Value right);

// A value as one line of JSON-like text, strings without quotes.
std::string plain_text(json::Value value);

}  // namespace holdfast::ctl
