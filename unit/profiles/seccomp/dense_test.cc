#include "profiles/seccomp/dense.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>

#include "profiles/seccomp/front.h"
#include "profiles/seccomp/library.h"

namespace holdfast {
namespace {

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t kEperm = SECCOMP_RET_ERRNO | EPERM;

constexpr uint32_t kArchitectures[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386,  AUDIT_ARCH_AARCH64,
                                       AUDIT_ARCH_ARM,    AUDIT_ARCH_S390X, 0};

// Numbers around all that have a name, those of x32, and the ends.
std::vector<uint32_t> numbers() {
  std::vector<uint32_t> all{0x3fffffff, 0x7fffffff, 0x80000000, 0xbfffffff, 0xc0000000,
                            UINT32_MAX, 0xf0000,    0xf0002,    0xf0006};
  for (uint32_t number = 0; number < 600; ++number)
    for (const uint32_t bit : {0u, 0x40000000u}) all.push_back(number | bit);
  return all;
}

void expect_same(const Filter& a, const Filter& b) {
  constexpr std::array<uint64_t, 6> kArguments[] = {
      {0, 0, 0, 0, 0, 0},
      {1, 2, 3, 4, 5, 6},
      {AF_VSOCK, 0x10000000, 8, 0x20008, 0xffffffff, 1ull << 32},
      {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
      {0x7e020000, 0x40, 1ull << 63, 0x80000000, 0x0020000, 0x00200008},
  };
  for (const uint32_t arch : kArchitectures)
    for (const uint32_t nr : numbers())
      for (const auto& args : kArguments) {
        const SystemCall call{arch, static_cast<int32_t>(nr), args};
        ASSERT_EQ(verdict(a, call), verdict(b, call)) << std::hex << arch << " " << nr;
      }
}

// Stretches of calls, some by argument, on several architectures, behind a front.
Filter sample(bool tree) {
  seccomp::Builder::Attributes attributes;
  attributes.default_action = kEperm;
  attributes.tree = tree;
  auto builder = seccomp::Builder::make(attributes);
  EXPECT_TRUE(builder);
  for (const char* name : {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_ARM"})
    EXPECT_TRUE(builder->add_architecture(*seccomp::architecture(name)));
  for (int number = 0; number < 330; ++number) {
    if (number % 30 >= 20 || number == SYS_personality || number == SYS_socket) continue;
    EXPECT_TRUE(builder->add_rule(kAllow, number, {}));
  }
  using oci::SeccompOperator;
  EXPECT_TRUE(
      builder->add_rule(kAllow, SYS_clone, {{0, 0x7e020000, 0, SeccompOperator::kMaskedEq}}));
  EXPECT_TRUE(builder->add_rule(kAllow, SYS_personality, {{0, 8, 0, SeccompOperator::kEq}}));
  EXPECT_TRUE(
      builder->add_rule(kAllow, SYS_personality, {{0, 0xffffffff, 0, SeccompOperator::kEq}}));
  EXPECT_TRUE(
      builder->add_rule(kAllow, SYS_socket,
                        {{0, AF_VSOCK, 0, SeccompOperator::kLt}, {1, 3, 0, SeccompOperator::kGe}}));
  Front front;
  Front::Section section;
  section.arch = AUDIT_ARCH_X86_64;
  section.last = 450;
  section.exact = {{462, kAllow}, {464, SECCOMP_RET_LOG}};
  section.by_argument = {41, {{0xff, AF_ALG, kEperm}, {UINT32_MAX, 3, kAllow}}, SECCOMP_RET_LOG};
  front.sections.push_back(section);
  section.arch = AUDIT_ARCH_ARM;
  section.own_from = 0xf0000;
  section.by_argument.reset();
  front.sections.push_back(section);
  return with_front(front, *builder->program());
}

TEST(Dense, AnswersTheSameInFewerInstructions) {
  for (const bool tree : {false, true}) {
    const Filter program = sample(tree);
    const Filter shorter = dense(program);
    expect_same(program, shorter);
    EXPECT_LT(shorter.size(), program.size());
  }
}

TEST(Dense, NeighboursWithOneAnswerBecomeOneRange) {
  Filter program{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4),
                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
                 BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0)};
  for (uint32_t number = 100; number < 200; ++number) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, kEperm));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, kAllow));
  const Filter shorter = dense(program);
  expect_same(program, shorter);
  EXPECT_LE(shorter.size(), 10u);
}

TEST(Dense, WhatItDoesNotUnderstandStaysAsItIs) {
  const Filter memory{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_STMT(BPF_ST, 1),
                      BPF_STMT(BPF_LD | BPF_MEM, 1), BPF_STMT(BPF_RET | BPF_A, 0)};
  const Filter calculated{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
                          BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 39, 0, 1),
                          BPF_STMT(BPF_RET | BPF_K, kEperm), BPF_STMT(BPF_RET | BPF_K, kAllow)};
  const Filter ordered{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4),
                       BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 7, 0, 1),
                       BPF_STMT(BPF_RET | BPF_K, kEperm), BPF_STMT(BPF_RET | BPF_K, kAllow)};
  const Filter before_a_load{BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 3),
                             BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4),
                             BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 1),
                             BPF_STMT(BPF_RET | BPF_K, kEperm), BPF_STMT(BPF_RET | BPF_K, kAllow)};
  const Filter endless{BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 7, 0, 200)};
  for (const Filter& program : {memory, calculated, ordered, before_a_load, endless, Filter{}})
    EXPECT_EQ(dense(program).size(), program.size());
}

}  // namespace
}  // namespace holdfast
