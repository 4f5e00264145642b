// Every configuration of unit/data/malformed_configs.json is refused with exactly the error told
// there.
#include <gtest/gtest.h>

#include "core/base/fd.h"
#include "core/json/document.h"
#include "core/oci/spec.h"
#include "unit/support/json_patch.h"

namespace holdfast::oci {
namespace {

const json::Document& table() {
  static const json::Document document = [] {
    const auto text = read_file(HOLDFAST_UNIT_DATA "/malformed_configs.json");
    EXPECT_TRUE(text) << text.error().message;
    auto parsed = json::Document::parse(*text);
    EXPECT_TRUE(parsed) << parsed.error().message;
    return std::move(*parsed);
  }();
  return document;
}

std::string from_hex(std::string_view digits) {
  std::string bytes;
  for (size_t at = 0; at + 1 < digits.size(); at += 2)
    bytes += static_cast<char>(*parse_number<unsigned>(digits.substr(at, 2), 16));
  return bytes;
}

std::string document_of(json::Value test) {
  const json::Value base = table().root().find("base");
  if (const auto path = test.find("set"); path.present())
    return test::patched(base, path.text(), test.find("to"));
  if (const auto path = test.find("remove"); path.present())
    return test::patched(base, path.text(), {});
  if (const auto raw = test.find("raw"); raw.present()) return std::string(raw.text());
  if (const auto hex = test.find("hex"); hex.present()) return from_hex(hex.text());
  std::string text(test.find("before").text());
  const std::string_view repeat = test.find("repeat").text();
  const size_t times = parse_number<size_t>(test.find("times").text()).value_or(0);
  if (repeat.size() == 1)
    text.append(times, repeat[0]);
  else
    for (size_t i = 0; i < times; ++i) text += repeat;
  return text.append(test.find("after").text());
}

TEST(MalformedConfig, TheBaseIsValid) {
  const auto spec = decode_spec(test::patched(table().root(), "", table().root().find("base")));
  EXPECT_TRUE(spec) << spec.error().message;
}

TEST(MalformedConfig, EachIsRefusedWithOneClearError) {
  size_t count = 0;
  for (const json::Value test : table().root().find("cases").children()) {
    ++count;
    const std::string name(test.find("name").text());
    const auto spec = decode_spec(document_of(test));
    if (spec) {
      ADD_FAILURE() << name << ": accepted";
      continue;
    }
    const std::string& message = spec.error().message;
    EXPECT_TRUE(message.starts_with(test.find("error").text()))
        << name << "\n  told     " << message << "\n  expected " << test.find("error").text();
    EXPECT_EQ(message.find('\n'), message.npos) << name;
    EXPECT_LT(message.size(), 400u) << name;
    size_t errors = 1;
    for (size_t at = 0; (at = message.find("; ", at)) != message.npos; ++at) ++errors;
    EXPECT_EQ(errors, parse_number<size_t>(test.find("errors").text()).value_or(1))
        << name << ": " << message;
  }
  EXPECT_GE(count, 150u);
}

}  // namespace
}  // namespace holdfast::oci
