// The JSON parser beneath everything: bounds, and that the tree holds what the text said.
#include "core/json/document.h"
#include "core/json/writer.h"
#include "fuzz/check.h"

namespace {

using holdfast::json::Kind;
using holdfast::json::Value;

void write(std::string& out, Value value) {
  const char* separator = "";
  switch (value.kind()) {
    case Kind::kNull:
      out += "null";
      break;
    case Kind::kBool:
      out += value.truth() ? "true" : "false";
      break;
    case Kind::kNumber:
      out += value.text();
      break;
    case Kind::kString:
      out += holdfast::json::quoted(value.text());
      break;
    case Kind::kArray:
      out += '[';
      for (const Value each : value.children()) {
        out += std::exchange(separator, ",");
        write(out, each);
      }
      out += ']';
      break;
    case Kind::kObject:
      out += '{';
      for (const Value each : value.children()) {
        holdfast::fuzz::require(value.find(each.key()).present(), "members are found", each.key());
        out += std::exchange(separator, ",");
        out += holdfast::json::quoted(each.key()) + ":";
        write(out, each);
      }
      out += '}';
  }
}

std::string encode(const holdfast::json::Document& document) {
  std::string out;
  write(out, document.root());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using holdfast::json::Document;
  for (const bool comments : {false, true})
    holdfast::fuzz::check_round_trip(
        data, size,
        [&](std::string_view text) {
          return Document::parse(text, {.depth = 32, .nodes = 4096, .comments = comments});
        },
        encode);
  return 0;
}
