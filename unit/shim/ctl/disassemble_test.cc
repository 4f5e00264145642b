#include "shim/ctl/disassemble.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <map>

#include "core/base/text.h"
#include "profiles/seccomp/profile.h"

namespace holdfast::ctl {
namespace {

const SeccompGrants kRestricted{.remove = {"@personality", "@ptrace", "@socketcall"}};

using testing::Contains;
using testing::HasSubstr;

uint32_t number_of(std::string_view text) {
  const bool hexadecimal = text.starts_with("0x");
  return *parse_number<uint32_t>(hexadecimal ? text.substr(2) : text, hexadecimal ? 16 : 10);
}

// The listing as a program again: what the law below compares with.
class Assembler {
 public:
  explicit Assembler(const std::vector<Listed>& lines) : lines_(lines) {
    for (size_t at = 0; at < lines.size(); ++at)
      if (!lines[at].label.empty()) labels_[lines[at].label] = at;
  }

  Filter program() {
    Filter filter;
    for (at_ = 0; at_ < lines_.size(); ++at_) filter.push_back(instruction(lines_[at_].text));
    return filter;
  }

 private:
  uint32_t distance(std::string_view label) const {
    if (label == "next") return 0;
    const auto found = labels_.find(std::string(label));
    if (found == labels_.end() || found->second <= at_) {
      ADD_FAILURE() << "no label " << label << " after instruction " << at_;
      return 0;
    }
    return static_cast<uint32_t>(found->second - at_ - 1);
  }

  sock_filter instruction(std::string_view text) const {
    std::string plain(text);
    std::erase_if(plain, [](char c) { return c == ',' || c == '[' || c == ']' || c == '#'; });
    const auto words = split(plain, ' ');
    static const std::map<std::string_view, int> kJumps{
        {"jeq", BPF_JEQ}, {"jgt", BPF_JGT}, {"jge", BPF_JGE}, {"jset", BPF_JSET}};
    if (words[0] == "ld") return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number_of(words[1]));
    if (words[0] == "ret") return BPF_STMT(BPF_RET | BPF_K, number_of(words[1]));
    if (words[0] == "and") return BPF_STMT(BPF_ALU | BPF_AND | BPF_K, number_of(words[1]));
    if (words[0] == "jmp") return BPF_STMT(BPF_JMP | BPF_JA, distance(words[1]));
    const auto jump = kJumps.find(words[0]);
    if (jump == kJumps.end()) {
      ADD_FAILURE() << "cannot assemble " << text;
      return {};
    }
    return BPF_JUMP(static_cast<uint16_t>(BPF_JMP | jump->second | BPF_K), number_of(words[1]),
                    static_cast<uint8_t>(distance(words[2])),
                    static_cast<uint8_t>(distance(words[3])));
  }

  const std::vector<Listed>& lines_;
  std::map<std::string, size_t> labels_;
  size_t at_ = 0;
};

bool same(const sock_filter& a, const sock_filter& b) {
  return a.code == b.code && a.jt == b.jt && a.jf == b.jf && a.k == b.k;
}

// Nothing is left out of a listing and no jump is told wrongly: assembled it is the filter again.
TEST(Disassemble, AssemblingTheListingGivesTheFilterAgain) {
  for (const bool restricted : {false, true}) {
    for (const oci::Seccomp& description :
         {denylist(restricted ? kRestricted : SeccompGrants{}), allowlist(restricted ? kRestricted : SeccompGrants{})}) {
      const auto filter = compile(description, {.complain = false, .own = true});
      ASSERT_TRUE(filter);
      const std::vector<Listed> lines = disassemble(*filter);
      const Filter again = Assembler(lines).program();
      ASSERT_EQ(again.size(), filter->size());
      for (size_t at = 0; at < again.size(); ++at)
        EXPECT_TRUE(same(again[at], (*filter)[at])) << at << ": " << lines[at].text;
    }
  }
}

TEST(Disassemble, NamesCallsByTheArchitectureThatTheWayThereTested) {
  const Filter filter{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4),
                      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 3),
                      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
                      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 165, 0, 3),
                      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
                      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
                      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 21, 0, 0),
                      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const std::vector<Listed> lines = disassemble(filter);
  EXPECT_EQ(lines[1].comment, "x86_64");
  EXPECT_EQ(lines[3].text, "jeq #165, next, L2");
  EXPECT_EQ(lines[3].comment, "mount");
  EXPECT_EQ(lines[4].comment, "EPERM");
  EXPECT_EQ(lines[5].label, "L1");
  // Here the architecture is anything but x86_64: a number has no name.
  EXPECT_EQ(lines[6].comment, "");
  EXPECT_EQ(lines[7].label, "L2");
  EXPECT_EQ(lines[7].comment, "allowed");
}

TEST(Disassemble, SaysNothingOfANumberWhoseArchitectureDependsOnTheWay) {
  const Filter filter{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4),
                      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
                      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 0, 0),
                      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
                      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 165, 0, 0),
                      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  EXPECT_EQ(disassemble(filter)[4].comment, "");
}

TEST(Disassemble, ShowsProgramsThatItWouldNotWrite) {
  const Filter filter{BPF_STMT(BPF_LD | BPF_IMM, 7),
                      BPF_STMT(BPF_MISC | BPF_TAX, 0),
                      BPF_STMT(BPF_ST, 3),
                      BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
                      BPF_STMT(BPF_JMP | BPF_JA, 10000),
                      BPF_STMT(BPF_RET | BPF_A, 0)};
  std::vector<std::string> texts;
  for (const Listed& line : disassemble(filter)) texts.push_back(line.text);
  EXPECT_THAT(texts,
              testing::ElementsAre("ld #0x7", "tax", "st M[3]", "add X", "jmp outside", "ret A"));
}

}  // namespace
}  // namespace holdfast::ctl
