// Filters and listeners as the kernel and an engine see them.
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>

#include "integration/kernel/process_support.h"
#include "sandbox/kernel/process.h"

namespace holdfast {
namespace {

using testing_support::check;
using testing_support::in_child;
using testing_support::same;
using testing_support::status_field;

// Answers `action` to system call `number`, allows the rest.
Filter one_rule(long number, uint32_t action) {
  return {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 1),
          BPF_STMT(BPF_RET | BPF_K, action), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
}

Result<> no_new_privileges() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return os_error("no_new_privs");
  return {};
}

TEST(Seccomp, AFilterDeniesAndTheKernelCountsIt) {
  EXPECT_EQ(
      in_child([]() -> Result<> {
        const auto before = parse_number<int>(status_field("Seccomp_filters"));
        HF_DO(no_new_privileges());
        HF_DO(load_filter(one_rule(SYS_getppid, SECCOMP_RET_ERRNO | ENOTTY), 0).map([](Fd) {}));
        HF_DO(load_filter(one_rule(SYS_sync, SECCOMP_RET_ERRNO | EPERM),
                          SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW |
                              SECCOMP_FILTER_FLAG_TSYNC)
                  .map([](Fd) {}));
        HF_DO(same(::syscall(SYS_getppid), -1L, "getppid"));
        HF_DO(same(errno, ENOTTY, "errno"));
        HF_DO(same(status_field("Seccomp"), "2", "mode"));
        return same(parse_number<int>(status_field("Seccomp_filters")).value_or(-1),
                    before.value_or(-9) + 2, "filters");
      }),
      "");
}

TEST(Seccomp, WithoutNoNewPrivsItNeedsTheCapability) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_DO(load_filter(one_rule(SYS_sync, SECCOMP_RET_ERRNO | EPERM), 0).map([](Fd) {}));
              HF_DO(set_capabilities({}));
              return load_filter(one_rule(SYS_sync, SECCOMP_RET_ALLOW), 0).map([](Fd) {});
            }),
            "load seccomp filter: needs no_new_privs or CAP_SYS_ADMIN: permission denied");
}

TEST(Seccomp, EmptyAndOversizedFiltersAreRefused) {
  EXPECT_EQ(load_filter({}, 0).error().message,
            "load seccomp filter: 0 instructions, not 1 to 4096");
  EXPECT_EQ(load_filter(Filter(4097), 0).error().message,
            "load seccomp filter: 4097 instructions, not 1 to 4096");
}

TEST(Seccomp, ASecondListenerIsNamedAsSuch) {
  EXPECT_EQ(in_child([]() -> Result<> {
              HF_DO(no_new_privileges());
              const Filter filter = one_rule(SYS_sync, SECCOMP_RET_USER_NOTIF);
              HF_TRY(const Fd first, load_filter(filter, SECCOMP_FILTER_FLAG_NEW_LISTENER |
                                                             SECCOMP_FILTER_FLAG_TSYNC));
              HF_DO(check(first.get() >= 0, "no listener"));
              HF_DO(same(::fcntl(first.get(), F_GETFD), FD_CLOEXEC, "close-on-exec"));
              return load_filter(filter, SECCOMP_FILTER_FLAG_NEW_LISTENER).map([](Fd) {});
            }),
            "load seccomp filter: another filter has a listener already: device or resource busy");
}

// A listening socket of an engine, and what one connection to it brings.
class Engine {
 public:
  explicit Engine(std::string path) : path_(std::move(path)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    listening_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listening_.get(), 1), 0);
  }
  ~Engine() { ::unlink(path_.c_str()); }

  // Everything until the end of the connection; the descriptor goes to `received`.
  std::string accept(Fd& received) const {
    const Fd connection(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::string text;
    while (true) {
      char data[100];
      iovec part{data, sizeof data};
      alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
      msghdr message{};
      message.msg_iov = &part;
      message.msg_iovlen = 1;
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      const ssize_t got = ::recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC);
      if (got <= 0) return text;
      text.append(data, static_cast<size_t>(got));
      if (const cmsghdr* header = CMSG_FIRSTHDR(&message)) {
        int raw = -1;
        std::memcpy(&raw, CMSG_DATA(header), sizeof raw);
        received = Fd(raw);
      }
    }
  }

 private:
  std::string path_;
  Fd listening_;
};

TEST(Seccomp, TheListenerReachesTheEngineAndAnswersForTheProcess) {
  const std::string path = fmt::format("/tmp/holdfast-listener-{}", ::getpid());
  const Engine engine(path);
  const std::string document =
      listener_document("1.2.0", 1, std::string(50000, 'm'), "{\"id\":\"c1\"}");
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto run = [&]() -> Result<> {
      HF_DO(no_new_privileges());
      HF_TRY(const Fd listener, load_filter(one_rule(SYS_getppid, SECCOMP_RET_USER_NOTIF),
                                            SECCOMP_FILTER_FLAG_NEW_LISTENER));
      HF_DO(send_listener(path, listener, document));
      return same(::syscall(SYS_getppid), 4711L, "getppid");
    };
    ::_exit(run() ? 0 : 1);
  }
  Fd listener;
  EXPECT_EQ(engine.accept(listener), document);
  ASSERT_TRUE(listener);
  seccomp_notif asked{};
  ASSERT_EQ(::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_RECV, &asked), 0);
  EXPECT_EQ(asked.data.nr, SYS_getppid);
  seccomp_notif_resp answer{};
  answer.id = asked.id;
  answer.val = 4711;
  ASSERT_EQ(::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Seccomp, ASocketThatIsNotThereIsNamed) {
  EXPECT_EQ(send_listener("/nonexistent/socket", Fd(), "{}").error().message,
            "send seccomp listener: connect /nonexistent/socket: no such file or directory");
}

}  // namespace
}  // namespace holdfast
