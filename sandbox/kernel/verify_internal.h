// What the parts of examine_process() share.
#pragma once

#include "core/base/fd.h"
#include "sandbox/kernel/verify.h"

namespace holdfast::verify {

// Whether the kernel may refuse to show us what only those may see who may trace the process
// (ptrace(2), access mode checking): the runtime is not privileged. To one that is, a refusal is an
// error.
bool may_be_unseen(const Examinee& subject);
// For an error of looking: one of access leaves the item unseen if that may be; any other is passed on.
Result<> unless_unseen(Findings& found, const Examinee& subject, Result<> looked);

// verify_identity.cc: user, groups, the maps of its user namespace.
Result<> examine_identity(Findings& found, const Examinee& subject, const DirFd& procfs,
                          std::string_view status);
// verify_places.cc: namespaces and cgroups.
Result<> examine_namespaces(Findings& found, const Examinee& subject, const DirFd& procfs);
Result<> examine_cgroups(Findings& found, const Examinee& subject, const DirFd& procfs);
// verify_mounts.cc: mounts, masked and read-only paths, the root.
Result<> examine_mounts(Findings& found, const Examinee& subject, const DirFd& procfs);

// verify_network.cc: what holds the container's network.
Result<> examine_network(Findings& found, const Examinee& subject, const DirFd& procfs);

// The fields of /proc/PID/status, proc(5).
class StatusFile {
 public:
  explicit StatusFile(std::string_view text) : text_(text) {}
  std::optional<std::string_view> field(std::string_view name) const;
  std::optional<uint64_t> number(std::string_view name, int base = 10) const;

 private:
  std::string_view text_;
};

// "0 100 7" -> {0, 100, 7}; nothing if it is anything else.
std::vector<uint64_t> numbers(std::string_view text);

}  // namespace holdfast::verify
