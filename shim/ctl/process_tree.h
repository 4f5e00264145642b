// The processes of a container as its events tell of them. Pure.
//
//   ProcessTree tree = process_tree(events);
//   for (size_t root : tree.roots) ... tree.processes[root].children
//
// A process is {pid, start time}; the same pid later on is another one. What the events say may be forged:
// a parent that would make a circle is not taken.
#pragma once

#include <vector>

#include "core/event/event.h"

namespace holdfast::ctl {

struct TreeProcess {
  ProcessRef process;          // as it was last seen
  bool injected = false;       // executed into the container, or a descendant of such a one
  std::vector<size_t> events;  // in which it acted: indexes into the events
  std::vector<size_t> children;
  size_t parent = SIZE_MAX;
};

struct ProcessTree {
  std::vector<TreeProcess> processes;
  std::vector<size_t> roots;
  std::vector<size_t> others;  // events without a process
};

ProcessTree process_tree(const std::vector<Event>& events);

}  // namespace holdfast::ctl
