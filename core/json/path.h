// Path: where in a document we are, as links on the stack; made into text only for an error.
//
//   Path root;  Path process{&root, "process"};  Path argument{.parent = &args, .index = 1};
//   path_text(argument) == "process.args[1]"; a key that is no plain word: annotations["a b"]
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast::json {

struct Path {
  static constexpr uint32_t kNoIndex = UINT32_MAX;
  const Path* parent = nullptr;
  std::string_view key = {};
  uint32_t index = kNoIndex;
};

// One step appended to the text: ".key", "[3]", or `["odd key"]`.
void append_step(std::string& text, std::string_view key, uint32_t index);
std::string path_text(const Path& path);

}  // namespace holdfast::json
