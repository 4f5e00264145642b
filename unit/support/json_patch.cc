#include "unit/support/json_patch.h"

#include "core/json/writer.h"

namespace holdfast::test {
namespace {

std::string text_of(json::Value value) {
  std::string out;
  switch (value.kind()) {
    case json::Kind::kNull:
      return "null";
    case json::Kind::kBool:
      return value.truth() ? "true" : "false";
    case json::Kind::kNumber:
      return std::string(value.text());
    case json::Kind::kString:
      return json::quoted(value.text());
    case json::Kind::kArray:
      for (const auto each : value.children()) out += (out.empty() ? "" : ",") + text_of(each);
      return "[" + out + "]";
    case json::Kind::kObject:
      for (const auto each : value.children())
        out += (out.empty() ? "" : ",") + json::quoted(each.key()) + ":" + text_of(each);
      return "{" + out + "}";
  }
  return out;
}

}  // namespace

std::string patched(json::Value value, std::string_view path, json::Value replacement) {
  if (path.empty()) return text_of(replacement);
  const std::string_view step = path.substr(0, path.find('.'));
  const std::string_view rest = step.size() == path.size() ? "" : path.substr(step.size() + 1);
  const bool list = value.kind() == json::Kind::kArray;
  std::string out;
  bool met = false;
  size_t index = 0;
  const auto add = [&](std::string_view key, const std::string& text) {
    if (!out.empty()) out += ',';
    if (!list) out += json::quoted(key) + ":";
    out += text;
  };
  for (const auto each : value.children()) {
    const bool here = list ? std::to_string(index++) == step : each.key() == step;
    met |= here;
    if (!here)
      add(each.key(), text_of(each));
    else if (replacement.present() || !rest.empty())
      add(each.key(), patched(each, rest, replacement));
  }
  if (!met) add(step, patched({}, rest, replacement));
  return list ? "[" + out + "]" : "{" + out + "}";
}

}  // namespace holdfast::test
