// A JSON document with one value changed, as text: for tables of malformed documents.
//
//   patched(document.root(), "linux.namespaces.0.type", replacement.root())   // set, or add
//   patched(document.root(), "root.path", {})                                 // remove
//
// A path is names and indices, joined by dots.
#pragma once

#include <string>
#include <string_view>

#include "core/json/document.h"

namespace holdfast::test {

std::string patched(json::Value value, std::string_view path, json::Value replacement);

}  // namespace holdfast::test
