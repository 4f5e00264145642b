#include "sandbox/audit/entries.h"

#include <gtest/gtest.h>

#include "unit/core/event/sample.h"

namespace holdfast {
namespace {

TEST(Entries, TheJournalGetsFieldsToSearchBy) {
  const std::string entry = journal_entry(sample_exec());
  for (const char* line : {"MESSAGE=drift-exec: blocked /tmp/.x by pid 18 /bin/sh in web-7f9c",
                           "\nPRIORITY=3\n", "\nSYSLOG_IDENTIFIER=holdfast\n",
                           "\nHOLDFAST_CONTAINER=web-7f9c\n", "\nHOLDFAST_EVENT={\"metadata\":"})
    EXPECT_NE(entry.find(line), std::string::npos) << line << "\n" << entry;
}

TEST(Entries, NoTextBecomesAFieldOfItsOwn) {
  Event event = sample_exec();
  event.container = event.rule = event.message = event.profile = "x\nPRIORITY=0";
  event.file->path = "/x\nMESSAGE=y";
  const std::string entry = journal_entry(event);
  EXPECT_EQ(entry.find("\nPRIORITY=0"), std::string::npos);
  EXPECT_EQ(entry.find("\nMESSAGE=y"), std::string::npos);
}

TEST(Entries, SyslogLinesAreOfRfc3164) {
  Event event = sample_exec();
  event.message = "one\ntwo";
  EXPECT_TRUE(syslog_line(event, 7).starts_with("<83>Nov 22 05:30:21 holdfast[7]: drift-exec: "))
      << syslog_line(event, 7);
  EXPECT_EQ(syslog_line(event, 7).find('\n'), std::string::npos);
  event.time = 0;
  EXPECT_TRUE(syslog_line(event, 7).starts_with("<83>Jan  1 00:00:00 "));
}

}  // namespace
}  // namespace holdfast
