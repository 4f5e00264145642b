// Making the directories of a container's cgroups, and what the kernel wants of them before a join.
#pragma once

#include "sandbox/kernel/cgroup.h"

namespace holdfast::cgroup {

// Makes every directory of the record, parents included; `made` lists the leaves that were not
// there. One that was there must have no process and not be frozen, unless `may_be_used`.
Result<> make_directories(const CgroupRecord& record, bool may_be_used,
                          std::vector<const CgroupRecord::Directory*>& made);

// cpuset of version 1: a new group has no CPUs and no memory nodes, and can take no process until
// it has. Gives it its parent's, and its ancestors theirs.
Result<> inherit_cpuset(const std::string& directory);

// Version 2: hands the controllers down from the hierarchy's root (the first ancestor that is no
// cgroup of its own) to the parent of `directory`. `wanted` empty: all that each ancestor has, and
// a refusal is no error here (check_controllers tells which limit it costs). EBUSY is told as what
// it is: a cgroup that has processes.
Result<> enable_controllers(const std::string& directory, const std::vector<std::string>& wanted);

}  // namespace holdfast::cgroup
