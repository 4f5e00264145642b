#include "core/json/path.h"

#include "core/json/writer.h"

namespace holdfast::json {
namespace {

// A word that needs no quotes in a path. Long keys are an attacker's: they are quoted and cut.
bool is_plain(std::string_view key) {
  if (key.empty() || key.size() > 64) return false;
  for (const char c : key) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-';
    if (!word) return false;
  }
  return true;
}

void append_path(std::string& text, const Path& path) {
  if (path.parent == nullptr) return;
  append_path(text, *path.parent);
  append_step(text, path.key, path.index);
}

}  // namespace

void append_step(std::string& text, std::string_view key, uint32_t index) {
  if (index != Path::kNoIndex) {
    text += '[';
    text += std::to_string(index);
    text += ']';
  } else if (is_plain(key)) {
    if (!text.empty()) text += '.';
    text += key;
  } else {
    text += '[';
    text += quoted(key, 64);
    text += ']';
  }
}

std::string path_text(const Path& path) {
  std::string text;
  append_path(text, path);
  return text;
}

}  // namespace holdfast::json
