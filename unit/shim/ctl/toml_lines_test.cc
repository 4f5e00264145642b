#include "shim/ctl/toml_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::ctl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kText[] = R"(# a comment = "no statement"
version = 2 # two
imports = [
  "/etc/*.toml", # [not.a.table]
]

[plugins]
  [plugins."io.containerd.grpc.v1.cri"]  # CRI
    text = """
[no.table]
"""
    other = 'it''s'
  [ plugins . 'io.containerd.grpc.v1.cri' . containerd ]
    a.b = { c = "}" }
[[proxy]]
  x = -1.5e3
)";

TEST(TomlLines, FindsTablesAndKeysWithTheirFullNames) {
  std::string text = kText;
  text.replace(text.find("'it''s'"), 7, "'its'");
  const auto all = scan_toml(text);
  ASSERT_TRUE(all) << all.error().message;
  std::vector<TomlPath> paths;
  for (const TomlStatement& each : *all) paths.push_back(each.path);
  const std::string cri = "io.containerd.grpc.v1.cri";
  EXPECT_THAT(paths,
              ElementsAre(TomlPath{"version"}, TomlPath{"imports"}, TomlPath{"plugins"},
                          TomlPath{"plugins", cri}, TomlPath{"plugins", cri, "text"},
                          TomlPath{"plugins", cri, "other"}, TomlPath{"plugins", cri, "containerd"},
                          TomlPath{"plugins", cri, "containerd", "a", "b"}, TomlPath{"proxy"},
                          TomlPath{"proxy", "x"}));
  const auto value = [&](size_t i) {
    return text.substr((*all)[i].value.begin, (*all)[i].value.end - (*all)[i].value.begin);
  };
  EXPECT_EQ(value(0), "2");
  EXPECT_EQ(value(4), "\"\"\"\n[no.table]\n\"\"\"");
  EXPECT_EQ(value(7), "{ c = \"}\" }");
  EXPECT_EQ(value(9), "-1.5e3");
  EXPECT_EQ((*all)[7].parts, 2u);
  EXPECT_EQ((*all)[3].line, 8u);
  EXPECT_EQ(text.substr((*all)[0].whole.begin, (*all)[0].whole.end - (*all)[0].whole.begin),
            "version = 2 # two\n");
}

TEST(TomlLines, SaysWhereATextIsWrong) {
  const auto message = [](const char* text) {
    const auto all = scan_toml(text);
    return all ? std::string("read") : all.error().message;
  };
  EXPECT_THAT(message("a = 1\nb = [1,\n"), HasSubstr("2:5: a bracket is not closed"));
  EXPECT_THAT(message("a = 1\n[b\n"), HasSubstr("2:3: expected ]"));
  EXPECT_THAT(message("a = \"x\n"), HasSubstr("1:5: a text's quote is not closed"));
  EXPECT_THAT(message("a 1\n"), HasSubstr("1:3: expected ="));
  EXPECT_THAT(message("a =\n"), HasSubstr("expected a value"));
  EXPECT_THAT(message("[a] b\n"), HasSubstr("1:5: expected the end of the line"));
  EXPECT_THAT(message("{\"json\": 1}\n"), HasSubstr("1:1: expected a key"));
  EXPECT_EQ(message(""), "read");
  EXPECT_EQ(message("a = 1"), "read");
}

}  // namespace
}  // namespace holdfast::ctl
