#include "sandbox/kernel/mount_locked.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>

#include "sandbox/kernel/mount_api.h"

namespace holdfast {
namespace {

constexpr size_t kStackSize = 64 << 10;

// What parent and child share: memory and the descriptor table.
struct Errand {
  std::vector<TreeCopy>& copies;
  const Fd& mount_namespace;
  const Fd& root;         // the carrier's root directory in that namespace
  const char* step = "";  // that failed
  int code = 0;
};

// Runs on a stack of its own in our memory, as after vfork(2): system calls and stores only.
int run_errand(void* argument) {
  auto& errand = *static_cast<Errand*>(argument);
  const auto fail = [&](const char* step) {
    errand.code = errno;
    errand.step = step;
    return 1;
  };
  if (::setns(errand.mount_namespace.get(), CLONE_NEWNS) != 0)
    return fail("enter the locked mount namespace");
  // setns(2) has put us at the namespace's root, which need not be ours.
  if (::fchdir(errand.root.get()) != 0 || ::chroot(".") != 0) return fail("enter its root");
  copy_trees(errand.copies);
  return 0;
}

// The child shares our descriptors, but not our root, working directory and mount namespace.
Result<> run_in_child(Errand& errand) {
  const auto stack = std::make_unique_for_overwrite<char[]>(kStackSize);
  const pid_t pid =
      ::clone(run_errand, stack.get() + kStackSize, CLONE_VM | CLONE_FILES | CLONE_VFORK, &errand);
  if (pid < 0) return os_error("start the errand");
  int status = 0;
  while (::waitpid(pid, &status, __WALL) < 0)
    if (errno != EINTR) return os_error("wait for the errand");
  if (!WIFEXITED(status)) return error("the errand was killed");
  if (errand.code != 0) return os_error_of(errand.code, "{}", errand.step);
  return {};
}

}  // namespace

void copy_trees(std::vector<TreeCopy>& copies) {
  for (TreeCopy& copy : copies) {
    copy.mount = clone_tree(AT_FDCWD, copy.path.c_str(), copy.flags);
    copy.code = copy.mount ? 0 : errno;
  }
}

Failure not_copied(const TreeCopy& copy) {
  if (copy.code == EINVAL && (copy.flags & AT_RECURSIVE) == 0)
    return os_error_of(
        EINVAL, "open {} (in a user namespace what is mounted below needs \"rbind\")", copy.path);
  return os_error_of(copy.code, "open {}", copy.path);
}

Result<LockedMounts> LockedMounts::take() {
  HF_TRY(NamespaceCarrier carrier, NamespaceCarrier::start(CLONE_NEWUSER | CLONE_NEWNS));
  return LockedMounts(std::move(carrier));
}

Result<> LockedMounts::copy(std::vector<TreeCopy>& copies) const {
  HF_TRY(const DirFd process, carrier_.process());
  HF_TRY(const Fd mount_namespace, process.open_at("ns/mnt", O_RDONLY));
  HF_TRY(const Fd root, process.open_at("root", O_PATH | O_DIRECTORY));
  Errand errand{.copies = copies, .mount_namespace = mount_namespace, .root = root};
  return run_in_child(errand);
}

Result<Fd> LockedMounts::map_ids(const std::vector<oci::IdMapping>& uids,
                                 const std::vector<oci::IdMapping>& gids) const {
  return carrier_.map_ids(uids, gids);
}

}  // namespace holdfast
