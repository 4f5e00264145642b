// More rights than the process has. The test puts /actions-setuid and /actions-capable into the image.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "integration/escape/actions/actions.h"

namespace holdfast::escape {
namespace {

Outcome proven(int status) {
  return by_effect(status, [&] { return status == kProof; });
}

// A file of another user, closed to all others.
Outcome read_private_file() { return by_result(open("/private-of-1000", O_RDONLY | O_CLOEXEC)); }

Outcome give_away() {
  const int fd = open("/tmp/given", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const int result = fchown(fd, 1000, 1000);
  struct stat seen {};
  return by_effect(result, [&] { return fstat(fd, &seen) == 0 && seen.st_uid == 1000; });
}

Outcome become_another() {
  const int result = setuid(1000);
  return by_effect(result, [&] { return getuid() == 1000 && geteuid() == 1000; });
}

// cap_net_bind_service+ep, version 2.
Outcome bless_a_file() {
  const unsigned blob[] = {0x02000001, 1U << 10, 0, 0, 0};
  const int fd = open("/tmp/blessed", O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
  return by_result(fsetxattr(fd, "security.capability", blob, sizeof blob, 0));
}

Outcome no_randomization() {
  const long flag = ADDR_NO_RANDOMIZE;
  const int result = personality(flag);
  return by_effect(result, [&] { return (personality(0xffffffff) & flag) != 0; });
}

Outcome higher_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max == RLIM_INFINITY) return absent();
  limit.rlim_max += 1;
  return by_result(setrlimit(RLIMIT_NOFILE, &limit));
}

Outcome higher_priority() {
  const int result = setpriority(PRIO_PROCESS, 0, -20);
  return by_effect(result, [&] { return getpriority(PRIO_PROCESS, 0) == -20; });
}

Outcome spared_when_memory_is_short() {
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  return fd < 0 ? denied() : by_result(write(fd, "-1000", 5));
}

constexpr Action kActions[] = {
    {"setuid-program", "root, by a program with the set-uid bit",
     [] { return proven(status_of_program("/actions-setuid", kProveRoot)); }},
    {"capable-program", "a capability, by a program that its file gives it",
     [] { return proven(status_of_program("/actions-capable", kProveCapable)); }},
    {"dac-override", "the files of the image's other users", read_private_file},
    {"chown", "files that belong to others", give_away},
    {"setuid", "other users' rights", become_another},
    {"setfcap", "programs that give capabilities", bless_a_file},
    {"personality", "addresses that can be foreseen", no_randomization},
    {"raise-rlimit", "more than the engine's limit", higher_limit},
    {"raise-priority", "other containers' share of the processor", higher_priority},
    {"oom-score", "others killed in its place", spared_when_memory_is_short},
};

}  // namespace

std::span<const Action> privilege_actions() { return kActions; }

}  // namespace holdfast::escape
