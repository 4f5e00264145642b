#include "shim/ctl/process_tree.h"

#include <gtest/gtest.h>

namespace holdfast::ctl {
namespace {

Event by(std::vector<ProcessRef> processes, bool injected = false) {
  Event e;
  e.processes = std::move(processes);
  e.injected = injected;
  return e;
}

ProcessRef process(int32_t pid, uint64_t started = 1, const char* exe = "") {
  return {pid, started, 0, exe, {}};
}

TEST(ProcessTree, ParentsAreThoseOfTheEvents) {
  const auto tree = process_tree({by({process(1)}), by({process(3), process(2), process(1)}),
                                  by({process(4), process(2)}), Event()});
  ASSERT_EQ(tree.roots.size(), 1U);
  const auto& root = tree.processes[tree.roots[0]];
  EXPECT_EQ(root.process.pid, 1);
  EXPECT_EQ(root.events, (std::vector<size_t>{0}));
  ASSERT_EQ(root.children.size(), 1U);
  EXPECT_EQ(tree.processes[root.children[0]].process.pid, 2);
  EXPECT_EQ(tree.processes[root.children[0]].children.size(), 2U);
  EXPECT_EQ(tree.others, (std::vector<size_t>{3}));
}

TEST(ProcessTree, APidThatIsUsedAgainIsAnotherProcess) {
  const auto tree = process_tree({by({process(7, 100)}), by({process(7, 200)})});
  EXPECT_EQ(tree.roots.size(), 2U);
}

TEST(ProcessTree, WhatDescendsFromAnExecIsMarked) {
  const auto tree = process_tree({by({process(5)}, true), by({process(6), process(5)}),
                                  by({process(7), process(1)})});
  for (const auto& each : tree.processes)
    EXPECT_EQ(each.injected, each.process.pid == 5 || each.process.pid == 6) << each.process.pid;
}

TEST(ProcessTree, ALaterEventKnowsAProcessBetter) {
  const auto tree = process_tree({by({process(1, 1, "/bin/sh")}), by({process(1, 1, "")}),
                                  by({process(1, 1, "/bin/ls")})});
  ASSERT_EQ(tree.processes.size(), 1U);
  EXPECT_EQ(tree.processes[0].process.exe, "/bin/ls");
}

TEST(ProcessTree, ForgedCirclesAreNone) {
  const auto tree =
      process_tree({by({process(1), process(2)}), by({process(2), process(3)}),
                    by({process(3), process(1)}), by({process(4), process(4)})});
  EXPECT_EQ(tree.roots.size(), 2U);
  size_t reached = 0;
  std::vector<size_t> open = tree.roots;
  while (!open.empty()) {
    const size_t at = open.back();
    open.pop_back();
    ++reached;
    for (const size_t child : tree.processes[at].children) open.push_back(child);
  }
  EXPECT_EQ(reached, tree.processes.size());
}

TEST(ProcessTree, DeepTreesNeedNoStack) {
  std::vector<Event> events;
  for (int32_t pid = 2; pid < 200'000; ++pid) events.push_back(by({process(pid), process(pid - 1)}));
  EXPECT_EQ(process_tree(events).roots.size(), 1U);
}

}  // namespace
}  // namespace holdfast::ctl
