#include "unit/support/cmocka_listener.h"

#include <fcntl.h>
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "core/base/text.h"

namespace holdfast::test {
namespace {

void print(std::FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
}

size_t count(const Group& group, Status status) {
  return static_cast<size_t>(std::count_if(group.tests.begin(), group.tests.end(),
                                           [&](const TestCase& t) { return t.status == status; }));
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// A CDATA section; its end mark and what XML 1.0 has no characters for may not stand in it.
std::string cdata(std::string_view text) {
  std::string out = "<![CDATA[";
  for (const char c : text) {
    if (c == '>' && out.ends_with("]]")) out += "]]><![CDATA[";
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 && c != '\n' && c != '\t' ? '?' : c;
  }
  return out + "]]>";
}

std::string xml_suite(const Group& group) {
  double seconds = 0;
  for (const auto& test : group.tests) seconds += test.seconds;
  std::string out = fmt::format(
      "  <testsuite name=\"{}\" time=\"{:.3f}\" tests=\"{}\" failures=\"{}\" errors=\"0\" "
      "skipped=\"{}\" >\n",
      escaped(group.name), seconds, group.tests.size(), count(group, Status::kFailed),
      count(group, Status::kSkipped));
  for (const auto& test : group.tests) {
    out += fmt::format("    <testcase name=\"{}\" time=\"{:.3f}\" >\n", escaped(test.name),
                       test.seconds);
    if (test.status == Status::kFailed)
      out += "      <failure>" + cdata(test.message) + "</failure>\n";
    if (test.status == Status::kSkipped) out += "      <skipped/>\n";
    out += "    </testcase>\n";
  }
  return out + "  </testsuite>\n";
}

std::string list_of(const Group& group, Status status, std::string_view tag) {
  const size_t number = count(group, status);
  if (number == 0) return "";
  std::string out = fmt::format("[  {:<7} ] {} test(s), listed below:\n", tag, number);
  for (const auto& test : group.tests)
    if (test.status == status) out += fmt::format("[  {:<7} ] {}\n", tag, test.name);
  return out + fmt::format("\n {} {} TEST(S)\n", number, tag);
}

TestCase case_of(std::string name, const testing::TestResult& result) {
  TestCase out{
      std::move(name), static_cast<double>(result.elapsed_time()) / 1000,
      result.Failed() ? Status::kFailed : (result.Skipped() ? Status::kSkipped : Status::kPassed),
      ""};
  for (int i = 0; i < result.total_part_count(); ++i) {
    const auto& part = result.GetTestPartResult(i);
    if (part.passed()) continue;
    if (!out.message.empty()) out.message += '\n';
    if (part.failed() && part.file_name())
      out.message += fmt::format("{}:{}: error: ", part.file_name(), part.line_number());
    out.message += part.message();
  }
  return out;
}

}  // namespace

Outputs parse_outputs(std::string_view value) {
  Outputs outputs;
  for (const auto part : split(value, ',')) {
    const std::string name(trim(part));
    const auto is = [&](const char* form) { return strcasecmp(name.c_str(), form) == 0; };
    if (is("STDOUT") || is("STANDARD")) outputs.text = true;
    if (is("TAP")) outputs.tap = true;
    if (is("XML")) outputs.xml = true;
  }
  return outputs;
}

std::string xml_document(const std::vector<Group>& groups) {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<testsuites>\n";
  for (const auto& group : groups) out += xml_suite(group);
  return out + "</testsuites>\n";
}

std::string tap_line(size_t number, std::string_view group, const TestCase& test) {
  std::string out = fmt::format("{} {} - {}.{}", test.status == Status::kFailed ? "not ok" : "ok",
                                number, group, test.name);
  if (test.status == Status::kSkipped) {
    std::string why = test.message.substr(0, test.message.find('\n'));
    out += why.empty() ? " # SKIP" : " # SKIP " + why;
  }
  out += '\n';
  if (test.status == Status::kFailed)
    for (const auto line : split(test.message, '\n')) out += fmt::format("# {}\n", line);
  return out;
}

std::string text_summary(const Group& group) {
  return fmt::format("[  PASSED  ] {} test(s).\n", count(group, Status::kPassed)) +
         list_of(group, Status::kSkipped, "SKIPPED") + list_of(group, Status::kFailed, "FAILED");
}

std::string xml_path(std::string_view pattern, std::string_view group) {
  std::string path(pattern);
  std::string name(group);
  std::replace(name.begin(), name.end(), '/', '_');
  if (const auto at = path.find("%g"); at != path.npos) path.replace(at, 2, name);
  return path;
}

void CmockaListener::OnTestProgramStart(const testing::UnitTest& program) {
  if (outputs_.tap)
    print(stdout, fmt::format("TAP version 13\n1..{}\n", program.test_to_run_count()));
}

void CmockaListener::OnTestSuiteStart(const testing::TestSuite& suite) {
  groups_.push_back({suite.name(), {}});
  if (outputs_.text)
    print(stdout, fmt::format("[==========] Running {} test(s).\n", suite.test_to_run_count()));
}

void CmockaListener::OnTestStart(const testing::TestInfo& test) {
  if (outputs_.text) print(stdout, fmt::format("[ RUN      ] {}\n", test.name()));
}

void CmockaListener::OnTestEnd(const testing::TestInfo& test) {
  finish(case_of(test.name(), *test.result()));
}

void CmockaListener::finish(TestCase test) {
  if (outputs_.tap) print(stdout, tap_line(++count_, groups_.back().name, test));
  if (outputs_.text) {
    constexpr std::string_view kTags[] = {"       OK", "  FAILED ", "  SKIPPED"};
    if (test.status == Status::kFailed)
      for (const auto line : split(test.message, '\n'))
        print(stderr, fmt::format("[  ERROR   ] --- {}\n", line));
    print(stdout, fmt::format("[{} ] {}\n", kTags[static_cast<int>(test.status)], test.name));
  }
  groups_.back().tests.push_back(std::move(test));
}

void CmockaListener::OnTestSuiteEnd(const testing::TestSuite& suite) {
  const Group& group = groups_.back();
  // What failed outside of any test, as in SetUpTestSuite.
  if (suite.ad_hoc_test_result().Failed())
    finish(case_of("(outside of its tests)", suite.ad_hoc_test_result()));
  if (outputs_.text) {
    print(stdout, fmt::format("[==========] {} test(s) run.\n", group.tests.size()));
    print(stderr, text_summary(group));
  }
  if (outputs_.xml && xml_pattern_.find("%g") != xml_pattern_.npos) write_xml(group.name, {group});
}

void CmockaListener::OnTestProgramEnd(const testing::UnitTest&) {
  if (outputs_.xml && xml_pattern_.find("%g") == xml_pattern_.npos) write_xml("", groups_);
}

void CmockaListener::write_xml(std::string_view group, const std::vector<Group>& groups) const {
  const std::string document = xml_document(groups);
  if (xml_pattern_.empty()) return print(stdout, document);
  const std::string path = xml_path(xml_pattern_, group);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  std::FILE* file = fd >= 0 ? ::fdopen(fd, "w") : nullptr;
  print(file ? file : stderr, document);
  if (file) std::fclose(file);
}

void install_cmocka_listener() {
  const char* form = std::getenv("CMOCKA_MESSAGE_OUTPUT");
  const Outputs outputs = parse_outputs(form ? form : "");
  if (outputs == Outputs{}) return;
  const char* file = std::getenv("CMOCKA_XML_FILE");
  auto& listeners = testing::UnitTest::GetInstance()->listeners();
  delete listeners.Release(listeners.default_result_printer());
  listeners.Append(new CmockaListener(outputs, file ? file : ""));
}

}  // namespace holdfast::test
