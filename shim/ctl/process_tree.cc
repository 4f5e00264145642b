#include "shim/ctl/process_tree.h"

#include <map>

namespace holdfast::ctl {
namespace {

class Builder {
 public:
  void add(const Event& event, size_t index) {
    if (event.processes.empty()) {
      tree_.others.push_back(index);
      return;
    }
    size_t child = SIZE_MAX;
    for (const ProcessRef& each : event.processes) {
      const size_t at = place_of(each);
      if (child == SIZE_MAX)
        tree_.processes[at].events.push_back(index);
      else
        link(child, at);
      child = at;
    }
    if (event.injected) tree_.processes[place_of(event.processes[0])].injected = true;
  }

  ProcessTree take() {
    for (size_t i = 0; i < tree_.processes.size(); ++i) {
      const size_t parent = tree_.processes[i].parent;
      if (parent == SIZE_MAX)
        tree_.roots.push_back(i);
      else
        tree_.processes[parent].children.push_back(i);
    }
    for (const size_t root : tree_.roots) mark(root, false);
    return std::move(tree_);
  }

 private:
  size_t place_of(const ProcessRef& process) {
    const auto [found, added] =
        places_.try_emplace({process.started, process.pid}, tree_.processes.size());
    if (added) {
      above_.push_back(tree_.processes.size());
      tree_.processes.emplace_back();
    }
    ProcessRef& known = tree_.processes[found->second].process;
    known.pid = process.pid;
    known.started = process.started;
    known.uid = process.uid;
    if (!process.exe.empty()) known.exe = process.exe;
    if (!process.args.empty()) known.args = process.args;
    return found->second;
  }

  // The root above a process, so far. The way is shortened each time: a forged log may be deep.
  size_t root_of(size_t at) {
    while (above_[at] != at) at = above_[at] = above_[above_[at]];
    return at;
  }

  void link(size_t child, size_t parent) {
    if (tree_.processes[child].parent != SIZE_MAX || root_of(parent) == child) return;
    tree_.processes[child].parent = parent;
    above_[child] = parent;
  }

  // Descendants of what was executed into the container are so, too. With a list, not by recursion: a forged
  // log may be deep.
  void mark(size_t root, bool injected) {
    std::vector<std::pair<size_t, bool>> open{{root, injected}};
    while (!open.empty()) {
      const auto entry = open.back();
      open.pop_back();
      TreeProcess& process = tree_.processes[entry.first];
      process.injected = process.injected || entry.second;
      for (const size_t child : process.children) open.emplace_back(child, process.injected);
    }
  }

  ProcessTree tree_;
  std::vector<size_t> above_;  // for root_of()
  std::map<std::pair<uint64_t, int32_t>, size_t> places_;
};

}  // namespace

ProcessTree process_tree(const std::vector<Event>& events) {
  Builder builder;
  for (size_t i = 0; i < events.size(); ++i) builder.add(events[i], i);
  return builder.take();
}

}  // namespace holdfast::ctl
