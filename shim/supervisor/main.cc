// holdfast-supervisor: the keeper and the supervisor of one container. Started by the runtime, with a
// channel to it as descriptor 3; of no use to anybody else.
#include <malloc.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdio>

#include "sandbox/supervise/keeper.h"

namespace {

constexpr int kChannel = 3;

bool is_channel() {
  int type = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(kChannel, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

}  // namespace

int main() {
  if (!is_channel()) {
    std::fputs("holdfast-supervisor: started by holdfast, not by hand\n", stderr);
    return 1;
  }
  ::mallopt(M_ARENA_MAX, 1);  // two threads share one heap: memory counts here
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::fcntl(kChannel, F_SETFD, FD_CLOEXEC);
  return holdfast::keeper_main(holdfast::Fd(kChannel));
}
