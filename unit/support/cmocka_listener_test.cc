#include "unit/support/cmocka_listener.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "core/base/fd.h"

namespace holdfast::test {
namespace {

constexpr const char* kSamples = "HOLDFAST_CMOCKA_SAMPLES";

// Tests to report on: they exist only in the processes that the tests below start.
class Sample : public testing::Test {
 public:
  explicit Sample(void (*body)()) : body_(body) {}
  void TestBody() override { body_(); }

 private:
  void (*body_)();
};

void add_sample(const char* group, const char* name, void (*body)()) {
  testing::RegisterTest(group, name, nullptr, nullptr, __FILE__, __LINE__,
                        [=]() -> testing::Test* { return new Sample(body); });
}

[[maybe_unused]] const bool kRegistered = [] {
  if (!std::getenv(kSamples)) return false;
  add_sample("CmockaSample", "Passes", [] {});
  add_sample("CmockaSample", "Fails", [] { EXPECT_EQ(1, 2) << "]]> & <"; });
  add_sample("CmockaSample", "Skips", [] { GTEST_SKIP() << "no such kernel"; });
  add_sample("CmockaOther", "Passes", [] {});
  return true;
}();

struct Output {
  int status;
  std::string text;
};

// The samples, run by this binary with the given environment.
Output run_samples(const std::string& environment, const std::string& redirect = "2>/dev/null") {
  char self[4096] = {};
  EXPECT_GT(::readlink("/proc/self/exe", self, sizeof self - 1), 0);
  const std::string command = fmt::format(
      "env -u CMOCKA_XML_FILE -u CMOCKA_MESSAGE_OUTPUT {}=1 {} '{}' "
      "--gtest_filter='CmockaSample.*:CmockaOther.*' {}",
      kSamples, environment, self, redirect);
  std::FILE* pipe = ::popen(command.c_str(), "r");
  Output out{};
  char block[4096];
  for (size_t got; (got = std::fread(block, 1, sizeof block, pipe)) > 0;)
    out.text.append(block, got);
  out.status = ::pclose(pipe);
  return out;
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

struct TemporaryDirectory {
  TemporaryDirectory() { EXPECT_NE(::mkdtemp(path), nullptr); }
  ~TemporaryDirectory() {
    const auto parent = DirFd::open("/tmp");
    if (parent) (void)parent->remove_tree(path + 5);
  }
  char path[32] = "/tmp/holdfast-cmocka-XXXXXX";
};

TEST(CmockaListener, ReadsTheNamesOfForms) {
  EXPECT_EQ(parse_outputs("xml, Tap"), (Outputs{.tap = true, .xml = true}));
  EXPECT_EQ(parse_outputs("STDOUT"), Outputs{.text = true});
  EXPECT_EQ(parse_outputs("nonsense"), Outputs{});
  EXPECT_EQ(parse_outputs(""), Outputs{});
}

TEST(CmockaListener, GroupNameBecomesPartOfTheFileName) {
  EXPECT_EQ(xml_path("out/%g.xml", "All/Suite"), "out/All_Suite.xml");
  EXPECT_EQ(xml_path("out.xml", "Suite"), "out.xml");
}

TEST(CmockaListener, TapIsOnePlanWithALinePerTest) {
  const Output out = run_samples("CMOCKA_MESSAGE_OUTPUT=TAP");
  EXPECT_NE(out.status, 0);
  EXPECT_TRUE(out.text.starts_with("TAP version 13\n1..4\n")) << out.text;
  EXPECT_TRUE(holds(out.text, "\nok 1 - CmockaSample.Passes\n")) << out.text;
  EXPECT_TRUE(holds(out.text, "\nnot ok 2 - CmockaSample.Fails\n# ")) << out.text;
  EXPECT_TRUE(holds(out.text, "\nok 3 - CmockaSample.Skips # SKIP no such kernel\n"));
  EXPECT_TRUE(holds(out.text, "\nok 4 - CmockaOther.Passes\n")) << out.text;
}

TEST(CmockaListener, XmlGoesToStandardOutputAsOneDocument) {
  const Output out = run_samples("CMOCKA_MESSAGE_OUTPUT=xml");
  EXPECT_TRUE(out.text.starts_with("<?xml version=\"1.0\"")) << out.text;
  EXPECT_TRUE(holds(out.text, "<testsuite name=\"CmockaSample\"")) << out.text;
  EXPECT_TRUE(holds(out.text, "tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\"")) << out.text;
  EXPECT_TRUE(holds(out.text, "<skipped/>")) << out.text;
  EXPECT_TRUE(holds(out.text, "]]]]><![CDATA[> & <")) << out.text;
  EXPECT_TRUE(holds(out.text, "<testsuite name=\"CmockaOther\"")) << out.text;
  EXPECT_TRUE(out.text.ends_with("</testsuites>\n")) << out.text;
}

TEST(CmockaListener, XmlGoesToAFilePerGroup) {
  const TemporaryDirectory directory;
  const std::string base = directory.path;
  const Output out =
      run_samples("CMOCKA_MESSAGE_OUTPUT=XML,TAP CMOCKA_XML_FILE='" + base + "/%g.xml'");
  EXPECT_TRUE(out.text.starts_with("TAP version 13")) << out.text;
  const auto sample = read_file(base + "/CmockaSample.xml");
  const auto other = read_file(base + "/CmockaOther.xml");
  ASSERT_TRUE(sample && other);
  EXPECT_TRUE(holds(*sample, "Fails") && !holds(*sample, "CmockaOther")) << *sample;
  EXPECT_TRUE(holds(*other, "name=\"CmockaOther\"")) << *other;
}

TEST(CmockaListener, XmlNeverReplacesAFile) {
  const TemporaryDirectory directory;
  const std::string file = std::string(directory.path) + "/one.xml";
  const std::string environment = "CMOCKA_MESSAGE_OUTPUT=XML CMOCKA_XML_FILE='" + file + "'";
  run_samples(environment);
  const auto first = read_file(file);
  ASSERT_TRUE(first);
  EXPECT_TRUE(holds(*first, "CmockaSample") && holds(*first, "CmockaOther")) << *first;
  const Output second = run_samples(environment, "2>&1 >/dev/null");
  EXPECT_TRUE(second.text.starts_with("<?xml")) << second.text;
  EXPECT_EQ(*read_file(file), *first);
}

TEST(CmockaListener, TextReadsLikeCmocka) {
  const Output out = run_samples("CMOCKA_MESSAGE_OUTPUT=STDOUT", "2>&1");
  for (const char* line :
       {"[==========] Running 3 test(s).\n", "[ RUN      ] Passes\n", "[       OK ] Passes\n",
        "[  FAILED  ] Fails\n", "[  SKIPPED ] Skips\n", "[==========] 3 test(s) run.\n",
        "[  PASSED  ] 1 test(s).\n", "\n 1 FAILED TEST(S)\n"})
    EXPECT_TRUE(holds(out.text, line)) << line << out.text;
}

TEST(CmockaListener, WithoutTheVariableGoogleTestPrints) {
  const Output out = run_samples("");
  EXPECT_TRUE(holds(out.text, "Running 4 tests from 2 test suites.")) << out.text;
}

}  // namespace
}  // namespace holdfast::test
