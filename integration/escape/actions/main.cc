// escape_actions: the attacker's program, static, copied into the image.
//
//   escape_actions list             "NAME<tab>WHAT IT GIVES", a line for each action
//   escape_actions NAME...          tries these, a line each: "NAME<tab>OUTCOME"
//   escape_actions prove...         what the actions execute to see that it runs (actions.h)
//
// OUTCOME is one of: done, no effect, absent, denied ERRNO, reached ERRNO, killed SIGNAL.
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration/escape/actions/actions.h"

namespace holdfast::escape {
namespace {

using Group = std::span<const Action> (*)();
constexpr Group kGroups[] = {mount_actions,   path_actions,      namespace_actions, kernel_actions,
                             host_actions,    socket_actions,    file_actions,      device_actions,
                             process_actions, privilege_actions, execution_actions, compat_actions};

const Action* find(const char* name) {
  for (const Group group : kGroups)
    for (const Action& action : group())
      if (strcmp(action.name, name) == 0) return &action;
  return nullptr;
}

const char* error_name(int error) {
  const char* name = strerrorname_np(error);
  return name != nullptr ? name : "?";
}

void print(const char* name, const Outcome& outcome) {
  switch (outcome.verdict) {
    case Verdict::kDone:
      printf("%s\tdone\n", name);
      return;
    case Verdict::kNoEffect:
      printf("%s\tno effect\n", name);
      return;
    case Verdict::kAbsent:
      printf("%s\tabsent\n", name);
      return;
    case Verdict::kDenied:
      printf("%s\tdenied %s\n", name, error_name(outcome.error));
      return;
    case Verdict::kReached:
      printf("%s\treached %s\n", name, error_name(outcome.error));
      return;
  }
}

// In a child of its own: what one action gains or loses is not the next one's.
bool perform(const Action& action) {
  int ends[2];
  if (pipe(ends) != 0) return false;
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    errno = 0;
    const Outcome outcome = action.attempt();
    _exit(write(ends[1], &outcome, sizeof outcome) == sizeof outcome ? 0 : 1);
  }
  close(ends[1]);
  Outcome outcome{};
  const bool told = read(ends[0], &outcome, sizeof outcome) == sizeof outcome;
  close(ends[0]);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return false;
  if (WIFSIGNALED(status))
    printf("%s\tkilled SIG%s\n", action.name, sigabbrev_np(WTERMSIG(status)));
  else if (told)
    print(action.name, outcome);
  return told || WIFSIGNALED(status);
}

bool is_capable(int capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & 1U << capability) != 0;
}

int prove(bool proven) { return proven ? kProof : 0; }

int list() {
  for (const Group group : kGroups)
    for (const Action& action : group()) printf("%s\t%s\n", action.name, action.gives);
  return 0;
}

int run(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], kProve) == 0) return prove(true);
  if (argc == 2 && strcmp(argv[1], kProveRoot) == 0) return prove(geteuid() == 0);
  if (argc == 2 && strcmp(argv[1], kProveCapable) == 0)
    return prove(is_capable(CAP_NET_BIND_SERVICE));
  if (argc == 2 && strcmp(argv[1], "list") == 0) return list();
  for (int i = 1; i < argc; ++i) {
    const Action* action = find(argv[i]);
    if (action == nullptr) {
      fprintf(stderr, "escape_actions: no action %s\n", argv[i]);
      return 2;
    }
    if (!perform(*action)) return 1;
  }
  return 0;
}

}  // namespace
}  // namespace holdfast::escape

int main(int argc, char** argv) { return holdfast::escape::run(argc, argv); }
