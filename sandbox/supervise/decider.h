// Decider: the thread that answers fanotify. Everything that it does lets a process of the container wait.
//
//   Decider decider(watch, incidents);
//   decider.run();        // does not return while the group is open
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sandbox/supervise/decide.h"
#include "sandbox/supervise/incidents.h"
#include "sandbox/supervise/watch.h"

namespace holdfast {

class Decider {
 public:
  Decider(const Watch& watch, Incidents& incidents);
  void run();

 private:
  void judge(ExecEvent& event);
  void judge_open(ExecEvent& event, ExecFacts facts);
  void judge_exec(ExecEvent& event, ExecFacts facts);
  void conclude(ExecEvent& event, const ExecFacts& facts, const Verdict& verdict);

  // A program that was allowed makes the kernel open the loader that it names.
  void expect_loader(pid_t pid);
  bool takes_expected(pid_t pid);
  const std::string& hash_of(const ExecEvent& event, int64_t changed);

  const Watch& watch_;
  const ExecControlPlan& plan_;
  Incidents& incidents_;
  const bool by_parent_, with_loaders_;
  std::vector<pid_t> expecting_;

  struct Hashed {
    uint64_t device = 0, inode = 0, size = 0;
    int64_t changed = 0;
    std::string sha256;
  };
  std::vector<Hashed> hashes_;
};

}  // namespace holdfast
