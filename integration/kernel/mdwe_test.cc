// Memory that is never writable and executable (PR_SET_MDWE).
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "integration/kernel/process_support.h"
#include "sandbox/kernel/probe.h"
#include "sandbox/kernel/process.h"

namespace holdfast {
namespace {

using testing_support::check;
using testing_support::in_child;

constexpr size_t kPage = 4096;

// What a JIT does: writes, then makes it executable.
bool can_turn_executable() {
  void* memory = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory != MAP_FAILED && ::mprotect(memory, kPage, PROT_READ | PROT_EXEC) == 0;
}

bool can_map_both() {
  return ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) != MAP_FAILED;
}

class Mdwe : public testing::Test {
 protected:
  void SetUp() override {
    const auto facts = probe_host();
    ASSERT_TRUE(facts);
    if (!facts->mdwe) GTEST_SKIP() << "this kernel has no PR_SET_MDWE (Linux 6.3)";
  }
};

TEST_F(Mdwe, WrittenMemoryIsNeverExecuted) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_DO(check(can_turn_executable() && can_map_both(), "denied without it"));
              HF_DO(refuse_writable_code());
              HF_DO(check(!can_turn_executable(), "turned executable"));
              return check(!can_map_both(), "mapped writable and executable");
            }),
            "");
}

TEST_F(Mdwe, ChildrenHaveItToo) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_DO(refuse_writable_code());
              const std::string child = in_child([]() -> Result<> {
                return check(!can_turn_executable(), "the child's memory turned executable");
              });
              return check(child.empty(), child);
            }),
            "");
}

TEST_F(Mdwe, AskingTwiceIsNoError) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_DO(refuse_writable_code());
              return refuse_writable_code();
            }),
            "");
}

}  // namespace
}  // namespace holdfast
