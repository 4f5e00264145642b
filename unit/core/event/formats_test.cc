#include "core/event/formats.h"

#include <gtest/gtest.h>

#include "core/event/names.h"
#include "core/json/document.h"
#include "core/json/utf8.h"
#include "unit/core/event/sample.h"

namespace holdfast {
namespace {

json::Document parsed(const std::string& text) {
  auto document = json::Document::parse(text);
  EXPECT_TRUE(document) << (document ? "" : document.error().message) << "\n" << text;
  return document ? std::move(*document) : json::Document();
}

std::string at(const json::Document& document, std::vector<std::string_view> path) {
  json::Value value = document.root();
  for (const auto name : path) value = value.find(name);
  return std::string(value.text());
}

TEST(Ocsf, WhatWasEncodedIsDecodedAgain) {
  for (const Event& event : samples()) {
    const std::string line = encode_ocsf(event, 17);
    const auto back = decode_ocsf(line);
    ASSERT_TRUE(back) << back.error().message << "\n" << line;
    EXPECT_EQ(back->sequence, 17U);
    EXPECT_EQ(encode_ocsf(back->event, 17), line);
    EXPECT_EQ(back->event.rule, event.rule);
    EXPECT_EQ(back->event.time, event.time);
    EXPECT_EQ(back->event.kind, event.kind);
    EXPECT_EQ(back->event.processes.size(), event.processes.size());
    if (!event.processes.empty()) {
      EXPECT_EQ(back->event.processes[1].args, event.processes[1].args);
    }
    EXPECT_EQ(back->event.injected, event.injected);
    EXPECT_EQ(back->event.file.has_value(), event.file.has_value());
    EXPECT_EQ(back->event.connection.has_value(), event.connection.has_value());
    EXPECT_EQ(back->event.syscall.has_value(), event.syscall.has_value());
  }
}

TEST(Ocsf, ClassesAreThoseOfTheSchema) {
  const std::pair<Event, std::string_view> expected[] = {
      {sample_exec(), "100701"},    {sample_file(), "100103"},     {sample_network(), "400105"},
      {sample_syscall(), "200401"}, {sample_response(), "700101"}, {sample_lifecycle(), "600201"}};
  for (const auto& [event, type] : expected) {
    const auto document = parsed(encode_ocsf(event, 1));
    EXPECT_EQ(at(document, {"type_uid"}), type);
    EXPECT_EQ(at(document, {"class_uid"}), type.substr(0, 4));
    EXPECT_EQ(at(document, {"category_uid"}), type.substr(0, 1));
  }
}

TEST(Ocsf, MembersStandWhereTheSchemaHasThem) {
  const auto exec = parsed(encode_ocsf(sample_exec(), 17));
  EXPECT_EQ(at(exec, {"metadata", "sequence"}), "17");
  EXPECT_EQ(at(exec, {"metadata", "product", "name"}), "holdfast");
  EXPECT_EQ(at(exec, {"metadata", "event_code"}), "drift-exec");
  EXPECT_EQ(at(exec, {"time"}), "1763789421123");
  EXPECT_EQ(at(exec, {"severity_id"}), "4");
  EXPECT_EQ(at(exec, {"disposition_id"}), "2");
  EXPECT_EQ(at(exec, {"action_id"}), "2");
  EXPECT_EQ(at(exec, {"container", "uid"}), "web-7f9c");
  EXPECT_EQ(at(exec, {"actor", "process", "cmd_line"}), "sh -c /tmp/.x");
  EXPECT_EQ(at(exec, {"actor", "process", "parent_process", "file", "path"}), "/usr/sbin/nginx");
  EXPECT_EQ(at(exec, {"process", "file", "path"}), "/tmp/.x");
  EXPECT_EQ(at(exec, {"unmapped", "fix"}), "rebuild the image");
  const auto net = parsed(encode_ocsf(sample_network(), 1));
  EXPECT_EQ(at(net, {"dst_endpoint", "ip"}), "169.254.169.254");
  EXPECT_EQ(at(net, {"dst_endpoint", "port"}), "80");
  EXPECT_EQ(at(net, {"count"}), "40");
  const auto finding = parsed(encode_ocsf(sample_syscall(), 1));
  EXPECT_EQ(at(finding, {"finding_info", "analytic", "name"}), "notify");
  EXPECT_EQ(at(finding, {"unmapped", "syscall", "name"}), "mount");
  const auto response = parsed(encode_ocsf(sample_response(), 1));
  EXPECT_EQ(at(response, {"command_uid"}), "freeze");
  EXPECT_EQ(at(response, {"status_id"}), "2");
}

TEST(Falco, HasTheMembersThatItsConsumersRead) {
  const auto document = parsed(encode_falco(sample_exec()));
  EXPECT_EQ(at(document, {"time"}), "2025-11-22T05:30:21.123456789Z");
  EXPECT_EQ(at(document, {"rule"}), "drift-exec");
  EXPECT_EQ(at(document, {"priority"}), "Error");
  EXPECT_EQ(at(document, {"source"}), "holdfast");
  EXPECT_EQ(at(document, {"output_fields", "proc.cmdline"}), "sh -c /tmp/.x");
  EXPECT_EQ(at(document, {"output_fields", "fd.name"}), "/tmp/.x");
  EXPECT_NE(at(document, {"output"}).find("drift-exec: blocked /tmp/.x by pid 18"),
            std::string::npos);
  EXPECT_EQ(document.root().find("tags").kind(), json::Kind::kArray);
}

TEST(Formats, SecretsAreNowhere) {
  for (Event event : samples()) {
    event.processes = {{1, 1, 0, "/bin/x", {"x", "--password=hunter2"}},
                       {1, 1, 0, "/bin/x", {"x", "--token", "hunter2"}}};
    EXPECT_EQ(encode_ocsf(event, 1).find("hunter2"), std::string::npos);
    EXPECT_EQ(encode_falco(event).find("hunter2"), std::string::npos);
    EXPECT_EQ(event_text(event).find("hunter2"), std::string::npos);
  }
}

TEST(Formats, HostileTextIsBoundedAndValid) {
  const std::string long_text(1 << 16, '\x01');
  Event event = sample_exec();
  event.container = event.profile = event.rule = event.message = event.fix = long_text;
  event.file->path = "/\xff\xfe\n\x1b[2J" + long_text;
  event.attack.assign(1000, long_text);
  event.processes.assign(20, {1, 1, 1, long_text, std::vector<std::string>(100, long_text)});
  event.syscall = SyscallRef{long_text, long_text};
  event.connection = ConnectionRef{false, long_text, long_text, 1};
  for (const std::string& line : {encode_ocsf(event, UINT64_MAX), encode_falco(event)}) {
    EXPECT_LE(line.size(), kMaxEventLine);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_EQ(json::find_invalid_utf8(line), std::string_view::npos);
    parsed(line);
  }
  EXPECT_TRUE(decode_ocsf(encode_ocsf(event, 1)));
  EXPECT_EQ(event_text(event).find('\x1b'), std::string::npos);
}

TEST(Ocsf, WhatIsNotOursIsAnError) {
  const std::string line = encode_ocsf(sample_exec(), 1);
  EXPECT_FALSE(decode_ocsf(""));
  EXPECT_FALSE(decode_ocsf("[]"));
  EXPECT_FALSE(decode_ocsf("{}"));
  EXPECT_FALSE(decode_ocsf(line.substr(0, line.size() - 1)));
  std::string other = line;
  other.replace(other.find("\"kind\":\"exec\""), 13, "\"kind\":\"what\"");
  EXPECT_FALSE(decode_ocsf(other));
}

TEST(Names, EveryValueHasOneAndIsFoundByIt) {
  for (const auto& each : json_names(EventKind{}))
    EXPECT_EQ(named<EventKind>(each.name), each.value);
  EXPECT_EQ(json_names(EventKind{}).size(), static_cast<size_t>(EventKind::kSupervisor) + 1);
  EXPECT_EQ(json_names(Disposition{}).size(), static_cast<size_t>(Disposition::kFailed) + 1);
  EXPECT_FALSE(named<Disposition>("what"));
}

}  // namespace
}  // namespace holdfast
