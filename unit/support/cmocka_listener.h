// Reports in the forms of cmocka, so that harnesses made for it read ours.
//
//   CMOCKA_MESSAGE_OUTPUT=STDOUT | TAP | XML, several joined by commas, in any case
//   CMOCKA_XML_FILE=results/%g.xml    where XML goes; %g is the group's name
//
// A test suite is a group. Without CMOCKA_MESSAGE_OUTPUT, or when it names no form that we know,
// GoogleTest prints as ever. Without a file XML goes to standard output, and when the file exists
// already to standard error, both as with cmocka. Unlike cmocka's, one stream holds one TAP plan
// and one XML root over all groups, so that it is well formed.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace holdfast::test {

struct Outputs {
  bool text = false, tap = false, xml = false;
  bool operator==(const Outputs&) const = default;
};
// The forms named in the variable's value: "xml,TAP".
Outputs parse_outputs(std::string_view value);

enum class Status { kPassed, kFailed, kSkipped };
struct TestCase {
  std::string name;
  double seconds = 0;
  Status status = Status::kPassed;
  std::string message;  // the failures, or why it was skipped
};
struct Group {
  std::string name;
  std::vector<TestCase> tests;
};

std::string xml_document(const std::vector<Group>& groups);
// One line, with the message as comment lines after a failure.
std::string tap_line(size_t number, std::string_view group, const TestCase& test);
// What the form for people says after a group: "[  PASSED  ] 1 test(s)." and what did not pass.
std::string text_summary(const Group& group);
// "out/%g.xml" with the group's name for %g; a "/" in the name becomes "_".
std::string xml_path(std::string_view pattern, std::string_view group);

class CmockaListener : public testing::EmptyTestEventListener {
 public:
  CmockaListener(Outputs outputs, std::string xml_pattern)
      : outputs_(outputs), xml_pattern_(std::move(xml_pattern)) {}

  void OnTestProgramStart(const testing::UnitTest& program) override;
  void OnTestSuiteStart(const testing::TestSuite& suite) override;
  void OnTestStart(const testing::TestInfo& test) override;
  void OnTestEnd(const testing::TestInfo& test) override;
  void OnTestSuiteEnd(const testing::TestSuite& suite) override;
  void OnTestProgramEnd(const testing::UnitTest& program) override;

 private:
  void finish(TestCase test);
  void write_xml(std::string_view group, const std::vector<Group>& groups) const;

  const Outputs outputs_;
  const std::string xml_pattern_;
  std::vector<Group> groups_;
  size_t count_ = 0;
};

// Replaces GoogleTest's printer if the environment asks for one of cmocka's forms.
void install_cmocka_listener();

}  // namespace holdfast::test
