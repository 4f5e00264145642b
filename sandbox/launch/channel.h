// The channel between the runtime and the container's first process: a SOCK_SEQPACKET socketpair,
// one Message a packet.
//
//   HF_TRY(auto pair, Channel::make());
//   HF_DO(pair.runtime.send(Message{MessageType::kContinue}));
//   HF_TRY(Message got, pair.runtime.expect(MessageType::kReady));   // a kFailed becomes its Error
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/fd.h"

namespace holdfast {

enum class MessageType : uint32_t {
  kBoot = 1,  // runtime -> stage 1: the boot record and what belongs to it (boot.h)
  kBorn,      // stage 1 -> runtime: value is init's pid
  kTerminal,  // init -> runtime: carries the pty's master
  kHooks,     // init -> runtime: the mounts stand, run prestart and createRuntime
  kListener,  // init -> runtime: value is the number of a seccomp listener, to be fetched
  kReady,     // init -> runtime: everything is applied, verify me; value is what it checked itself
  kFailed,    // either of them -> runtime: value is errno, text the error
  kContinue,  // runtime -> either of them; text depends on what is continued
  kEnclosed,  // init -> runtime: it is where it will stay, mounts included; what follows concerns itself
};

struct Message {
  MessageType type = MessageType::kContinue;
  int32_t value = 0;
  std::string text{};
  std::vector<Fd> fds{};  // of a received one; at most kMaxDescriptors
  pid_t sender = 0;       // on the runtime's side: who sent it, as the kernel says
};

class Channel {
 public:
  Channel() = default;
  explicit Channel(Fd socket) : socket_(std::move(socket)) {}

  struct Pair;
  static Result<Pair> make();

  static constexpr size_t kMaxDescriptors = 3;

  // Without descriptors this is one write(2): it passes filters that forbid sendmsg.
  Result<> send(const Message& message, std::span<const int> fds = {}) const;
  // Blocks. An end of file is an error: the other side died.
  Result<Message> receive() const;
  // The error of a kFailed that has already arrived; what arrived before it is dropped.
  std::optional<Error> pending_failure() const;
  // receive(), where anything but `type` is an error and kFailed is the error that it carries.
  Result<Message> expect(MessageType type) const;
  // Waits for a kContinue without text by read(2) alone, which even a strict filter allows.
  Result<> await_continue() const;
  // Blocks until the other side closed (true) or failed (its error).
  Result<> wait_closed() const;

  const Fd& socket() const { return socket_; }

 private:
  Result<Message> receive(int flags) const;

  Fd socket_;
};

struct Channel::Pair {
  Channel runtime, init;
};

}  // namespace holdfast
