// The audit log on real file systems: crashes, full disks, other writers, tampering.
#include "sandbox/audit/log.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

#include "core/event/formats.h"
#include "integration/kernel/process_support.h"
#include "sandbox/audit/lines.h"
#include "sandbox/audit/throttle.h"
#include "sandbox/audit/verify.h"

namespace holdfast {
namespace {

using testing_support::in_child;

class AuditLogTest : public testing::Test {
 protected:
  AuditLogTest() {
    char name[] = "/tmp/holdfast-audit-XXXXXX";
    scratch_ = ::mkdtemp(name);
    settings_.directory = scratch_ + "/log";
    settings_.sync = AuditSync::kNever;
  }
  ~AuditLogTest() override {
    ::umount2(settings_.directory.c_str(), MNT_DETACH);
    auto tmp = DirFd::open("/tmp");
    if (tmp) {
      EXPECT_TRUE(tmp->remove_tree(scratch_.substr(5)));
    }
  }

  static Event event(const std::string& path = "/etc/passwd") {
    Event e;
    e.kind = EventKind::kFile;
    e.rule = "watched-file";
    e.container = "c1";
    e.severity = Severity::kMedium;
    e.file = FileRef{path, std::string(64, 'a'), std::string(64, 'b')};
    return e;
  }
  static std::vector<Event> events(size_t count) { return std::vector<Event>(count, event()); }

  AuditLog open() const {
    auto log = AuditLog::open(settings_);
    if (!log) {
      ADD_FAILURE() << log.error().message;
      std::abort();
    }
    return std::move(*log);
  }
  DirFd directory() const { return std::move(*DirFd::open(settings_.directory)); }
  std::string text(const std::string& name = kAuditFile) const {
    auto text = directory().read(name, 64 << 20);
    return text ? *text : "";
  }
  void put(const std::string& bytes, const std::string& name = kAuditFile) const {
    EXPECT_TRUE(directory().replace(name, bytes));
  }
  AuditReport verified() const {
    auto report = verify_log(directory());
    EXPECT_TRUE(report) << (report ? "" : report.error().message);
    return report ? std::move(*report) : AuditReport();
  }
  // The first fault: "FILE:LINE: TEXT", or "".
  std::string fault() const {
    const AuditReport report = verified();
    if (report.sound()) return "";
    const AuditFinding& f = report.faults[0];
    return fmt::format("{}:{}: {}", f.file, f.line, f.text);
  }
  std::vector<Event> recorded() const {
    std::vector<Event> all;
    const auto files = audit_files(directory());
    for (const std::string& name : *files) {
      const auto fd = directory().open_at(name, O_RDONLY);
      LineReader reader(*fd);
      while (true) {
        auto line = reader.next();
        if (!line || !*line) break;
        if (auto event = decode_ocsf((*line)->text)) all.push_back(std::move(event->event));
      }
    }
    return all;
  }
  // Lines of the file, each with its newline.
  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    const std::string whole = text();
    for (const auto line : split(whole, '\n'))
      if (!line.empty()) all.push_back(std::string(line) + "\n");
    return all;
  }
  static std::string joined(const std::vector<std::string>& lines) {
    std::string all;
    for (const auto& line : lines) all += line;
    return all;
  }

  std::string scratch_;
  AuditSettings settings_;
};

TEST_F(AuditLogTest, BatchesAreNumberedAndChained) {
  AuditLog log = open();
  auto done = log.append(events(3));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->sequence, 3U);
  EXPECT_EQ(done->written, 3U);
  EXPECT_EQ(log.append(events(2))->sequence, 5U);
  EXPECT_EQ(open().append(events(1))->sequence, 6U);
  const AuditReport report = verified();
  EXPECT_EQ(fault(), "");
  EXPECT_EQ(report.lines, 6U);
  EXPECT_EQ(report.first, 1U);
  EXPECT_EQ(report.last, 6U);
  EXPECT_TRUE(report.notes.empty());
}

TEST_F(AuditLogTest, WhatIsLessGraveThanTheLevelIsLeftOut) {
  settings_.level = Severity::kHigh;
  AuditLog log = open();
  EXPECT_EQ(log.append(events(3))->written, 0U);
  EXPECT_EQ(text(), "");
}

TEST_F(AuditLogTest, OnlyOursIsWrittenTo) {
  open();
  struct stat info {};
  ASSERT_EQ(::stat((settings_.directory + "/audit.jsonl").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat(settings_.directory.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);

  const std::string file = settings_.directory + "/audit.jsonl";
  ASSERT_EQ(::chmod(file.c_str(), 0620), 0);
  EXPECT_NE(AuditLog::open(settings_).error().message.find("others can write"), std::string::npos);
  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  ASSERT_EQ(::chown(file.c_str(), 1000, 0), 0);
  EXPECT_NE(AuditLog::open(settings_).error().message.find("uid 1000"), std::string::npos);
  ASSERT_EQ(::chown(file.c_str(), 0, 0), 0);
  ASSERT_EQ(::link(file.c_str(), (scratch_ + "/other").c_str()), 0);
  EXPECT_NE(AuditLog::open(settings_).error().message.find("2 names"), std::string::npos);
  ASSERT_EQ(::unlink(file.c_str()), 0);
  ASSERT_EQ(::symlink((scratch_ + "/other").c_str(), file.c_str()), 0);
  EXPECT_EQ(AuditLog::open(settings_).error().code, ELOOP);
  ASSERT_EQ(::unlink(file.c_str()), 0);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  EXPECT_FALSE(AuditLog::open(settings_));
  ASSERT_EQ(::unlink(file.c_str()), 0);
  ASSERT_EQ(::chmod(settings_.directory.c_str(), 0777), 0);
  EXPECT_NE(AuditLog::open(settings_).error().message.find("others can write"), std::string::npos);
}

TEST_F(AuditLogTest, EveryKindOfTamperingIsNamedWithItsLine) {
  AuditLog log = open();
  ASSERT_TRUE(log.append(events(6)));
  const auto whole = lines();
  ASSERT_EQ(whole.size(), 6U);

  auto changed = whole;
  changed[2].replace(changed[2].find("/etc/passwd"), 11, "/etc/shadow");
  put(joined(changed));
  EXPECT_EQ(fault(), "audit.jsonl:3: it was changed, or the line before it");

  // Whoever changes a line and seals it anew breaks the next one.
  Link link = {
      2, std::string(open_seal(std::string_view(whole[1]).substr(0, whole[1].size() - 1))->chain)};
  changed[2] = seal(encode_ocsf(event("/other"), 3), link, Place::kFurther) + "\n";
  put(joined(changed));
  EXPECT_EQ(fault(), "audit.jsonl:4: it was changed, or the line before it");

  auto removed = whole;
  removed.erase(removed.begin() + 2);
  put(joined(removed));
  EXPECT_EQ(fault(), "audit.jsonl:3: lines are missing before it: 3 to 3");

  auto swapped = whole;
  std::swap(swapped[2], swapped[3]);
  put(joined(swapped));
  EXPECT_EQ(fault(), "audit.jsonl:3: lines are missing before it: 3 to 3");

  auto twice = whole;
  twice.insert(twice.begin() + 2, twice[2]);
  put(joined(twice));
  EXPECT_EQ(fault(), "audit.jsonl:4: out of order: number 3 after 3");

  auto foreign = whole;
  foreign.insert(foreign.begin() + 2, "{\"a\":1}\n");
  put(joined(foreign));
  EXPECT_EQ(fault(), "audit.jsonl:3: no line of the log");

  auto beginning = whole;
  beginning.erase(beginning.begin());
  put(joined(beginning));
  EXPECT_EQ(fault(), "audit.jsonl:1: the file's beginning is missing");

  auto end = whole;
  end.pop_back();
  put(joined(end));
  EXPECT_EQ(fault(), "audit.head:0: the end of the log is missing: lines 6 to 6");

  put(joined(whole).substr(0, joined(whole).size() - 10));
  EXPECT_EQ(fault().substr(0, 21), "audit.jsonl:6: cut sh") << fault();

  put(joined(whole));
  EXPECT_EQ(fault(), "");
}

TEST_F(AuditLogTest, AnEndThatWasCutAwayIsToldByTheNextProcess) {
  ASSERT_TRUE(open().append(events(6)));
  auto all = lines();
  all.resize(4);
  put(joined(all));
  EXPECT_EQ(open().append(events(1))->sequence, 8U);  // after the event that tells
  EXPECT_EQ(fault(), "audit.jsonl:5: lines are missing before it: 5 to 6");
  const auto told = recorded();
  EXPECT_EQ(told[4].rule, "audit-cut");
  EXPECT_EQ(told[4].message, "the log ended with line 6, now it ends with line 4");
}

TEST_F(AuditLogTest, AnUnfinishedLineOfACrashIsClosedAndTold) {
  ASSERT_TRUE(open().append(events(3)));
  put(text() + R"({"metadata":{"sequence":4,"vers)");
  EXPECT_NE(fault(), "");
  AuditLog log = open();
  EXPECT_EQ(log.append(events(1))->sequence, 5U);
  EXPECT_EQ(fault(), "");
  const AuditReport report = verified();
  ASSERT_EQ(report.notes.size(), 1U);
  EXPECT_EQ(report.notes[0].text, "an unfinished line of 31 bytes, as after a crash");
  EXPECT_EQ(recorded()[3].rule, "audit-torn");
  // Whoever puts other bytes there is seen.
  std::string other = text();
  other.replace(other.find("\"vers\n") + 1, 4, "verX");
  put(other);
  EXPECT_EQ(fault(), "audit.jsonl:5: it tells of other bytes than those before it");
}

TEST_F(AuditLogTest, ACrashBeforeTheFirstWholeLineOfAFileIsNoEnd) {
  ASSERT_TRUE(open().append(events(2)));
  EXPECT_EQ(::rename((settings_.directory + "/audit.jsonl").c_str(),
                     (settings_.directory + "/audit.jsonl.1").c_str()),
            0);
  put("{\"meta");
  EXPECT_EQ(open().append(events(1))->sequence, 4U);
  EXPECT_EQ(fault(), "");
}

TEST_F(AuditLogTest, TheChainGoesOnOverFiles) {
  settings_.rotate = {.size = 8192, .keep = 3};
  AuditLog log = open(), other = open();
  for (int i = 0; i < 60; ++i) ASSERT_TRUE((i % 3 == 0 ? other : log).append(events(1)));
  const auto files = audit_files(directory());
  EXPECT_EQ(*files, (std::vector<std::string>{"audit.jsonl.3", "audit.jsonl.2", "audit.jsonl.1",
                                              "audit.jsonl"}));
  EXPECT_EQ(fault(), "");
  const AuditReport report = verified();
  EXPECT_EQ(report.last, 60U);
  EXPECT_GT(report.first, 1U);
  EXPECT_NE(report.notes[0].text.find("stood in files that are gone"), std::string::npos);
  for (const std::string& name : *files) {
    const auto fd = directory().open_at(name, O_RDONLY);
    const auto one = verify_file(*fd, name);
    EXPECT_TRUE(one && one->sound()) << name;
  }
  ASSERT_TRUE(directory().unlink("audit.jsonl.2"));
  EXPECT_NE(fault().find("audit.jsonl.1:1: a file is missing, or the end of one, before it: "),
            std::string::npos)
      << fault();
}

TEST_F(AuditLogTest, ManyWritersMixNoLines) {
  constexpr int kWriters = 4, kBatches = 100;
  settings_.rotate = {.size = 256 << 10, .keep = 100};
  for (int i = 0; i < kWriters; ++i) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid > 0) continue;
    AuditLog log = open();
    for (int batch = 0; batch < kBatches; ++batch)
      if (!log.append(events(1 + batch % 5))) ::_exit(1);
    ::_exit(0);
  }
  for (int i = 0; i < kWriters; ++i) {
    int status = 0;
    ASSERT_GT(::wait(&status), 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(fault(), "");
  EXPECT_EQ(verified().last, 4U * 300);
}

TEST_F(AuditLogTest, AForkedChildWithDescriptorsOfItsOwnMixesNoLines) {
  AuditLog log = open();
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (!log.reopen()) ::_exit(1);
    for (int i = 0; i < 200; ++i)
      if (!log.append(events(2))) ::_exit(1);
    ::_exit(0);
  }
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(log.append(events(1)));
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(fault(), "");
  EXPECT_EQ(verified().last, 600U);
}

TEST_F(AuditLogTest, AFullDiskLosesNothingSilently) {
  ASSERT_EQ(::mkdir(settings_.directory.c_str(), 0700), 0);
  ASSERT_EQ(::mount("tmpfs", settings_.directory.c_str(), "tmpfs", 0, "size=64k,mode=700"), 0);
  uint64_t written = 0, lost = 0;
  {
    AuditLog log = open();
    for (int i = 0; i < 60; ++i) {
      if (log.append(events(3)))
        written += 3;
      else
        lost += 3;
    }
    EXPECT_GT(lost, 0U);
    EXPECT_GT(written, 0U);
  }
  // Nothing half written stands there, and another process goes on.
  EXPECT_EQ(fault(), "");
  EXPECT_FALSE(open().append(events(1)));
  ++lost;
  EXPECT_EQ(verified().notes.back().text, fmt::format("{} events could not be written", lost));
  ASSERT_EQ(::mount("", settings_.directory.c_str(), "", MS_REMOUNT, "size=1m"), 0);
  ASSERT_TRUE(open().append(events(1)));
  EXPECT_EQ(fault(), "");
  uint64_t told = 0, counted = 0;
  for (const Event& each : recorded()) (each.rule == "audit-lost" ? told : counted) += each.count;
  EXPECT_EQ(told, lost);
  EXPECT_EQ(counted, written + 1);
}

TEST_F(AuditLogTest, AStormOfAMillionEventsIsBoundedAndNoneIsLost) {
  const std::string failed = in_child([&]() -> Result<> {
    HF_TRY(AuditLog log, AuditLog::open(settings_));
    Throttle throttle(settings_.throttle);
    const auto memory = [] {
      const auto text = read_file("/proc/self/statm");
      return text ? parse_number<uint64_t>(split(*text, ' ')[1]).value_or(0) * 4096 : 0;
    };
    constexpr uint64_t kAll = 1'000'000, kSecond = 1'000'000'000;
    const uint64_t start = static_cast<uint64_t>(::time(nullptr)) * kSecond;
    const uint64_t before = memory();
    uint64_t highest = before;
    std::vector<Event> out;
    // Ten seconds of the container's time, a hundred thousand events in each.
    for (uint64_t i = 0; i < kAll; ++i) {
      Event e = event(i % 3 == 0 ? "/etc/passwd" : "/tmp/" + std::to_string(i));
      e.time = start + i * (10 * kSecond / kAll);
      const uint64_t now = e.time;
      throttle.add(std::move(e), now, out);
      if (i % 1000 != 0) continue;
      throttle.collect(now, out);
      HF_DO(log.append(out));
      out.clear();
      highest = std::max(highest, memory());
    }
    throttle.finish(out);
    HF_DO(log.append(out));
    return testing_support::check(highest - before < (4 << 20),
                                  fmt::format("{} bytes more", highest - before));
  });
  EXPECT_EQ(failed, "");
  uint64_t count = 0;
  const auto all = recorded();
  for (const Event& each : all) count += each.count;
  EXPECT_EQ(count, 1'000'000U);
  EXPECT_LT(all.size(), 200U);
  EXPECT_EQ(fault(), "");
}

TEST_F(AuditLogTest, SinksGetTheirOwnForms) {
  settings_.sinks.falco = scratch_ + "/falco.json";
  settings_.sinks.prometheus = scratch_ + "/holdfast.prom";
  {
    AuditLog log = open();
    ASSERT_TRUE(log.append(events(3)));
    ASSERT_TRUE(log.append(events(2)));
    log.flush();
  }
  const auto falco = read_file(settings_.sinks.falco);
  ASSERT_TRUE(falco);
  EXPECT_EQ(split(*falco, '\n').size(), 6U);
  EXPECT_TRUE(falco->starts_with("{\"time\":\"20"));
  const auto metrics = read_file(settings_.sinks.prometheus);
  ASSERT_TRUE(metrics);
  EXPECT_NE(
      metrics->find("rule=\"watched-file\",severity=\"medium\",disposition=\"detected\"} 5\n"),
      std::string::npos)
      << *metrics;
  struct stat info {};
  ASSERT_EQ(::stat(settings_.sinks.prometheus.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0644U);
}

TEST_F(AuditLogTest, ASinkThatFailsIsCountedAndHindersNothing) {
  settings_.sinks.falco = scratch_ + "/missing/falco.json";
  settings_.sinks.prometheus = scratch_ + "/holdfast.prom";
  ASSERT_TRUE(open().append(events(2)));
  const auto metrics = read_file(settings_.sinks.prometheus);
  ASSERT_TRUE(metrics);
  // At its opening, and for each of both.
  EXPECT_NE(metrics->find("sink_failures_total{sink=\"falco\"} 3\n"), std::string::npos)
      << *metrics;
}

}  // namespace
}  // namespace holdfast
