// The commit that the program was built from, written by cmake/commit.cmake at every build.
//
//   source_commit() == "59832f5cb3a1"   // "59832f5cb3a1-dirty", or "unknown" outside a git checkout
#pragma once

#include <string_view>

namespace holdfast {

std::string_view source_commit();

}  // namespace holdfast
