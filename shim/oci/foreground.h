// Staying with a process: signals are passed on, its terminal is ours, its exit status is ours.
//
//   Foreground foreground(process, {.reap_orphans = true});
//   HF_DO(foreground.prepare());            // before the program runs, so that no signal is lost
//   HF_DO(go(process));
//   HF_TRY(int status, foreground.wait());  // 0 to 255; 128 + signal
#pragma once

#include <termios.h>

#include <optional>

#include "core/base/result.h"
#include "sandbox/launch/launch.h"
#include "shim/oci/notify_relay.h"

namespace holdfast {

class Foreground {
 public:
  struct Options {
    bool reap_orphans = false;         // we are a subreaper
    NotifyRelay* readiness = nullptr;  // to be told while we wait
  };

  Foreground(const Launched& process, Options options) : process_(process), options_(options) {}
  Foreground(const Foreground&) = delete;
  Foreground& operator=(const Foreground&) = delete;
  ~Foreground();

  Result<> prepare();
  Result<int> wait();

 private:
  Result<> set_raw();
  void copy_window_size() const;
  void take_signals();
  bool take_readiness() const;
  std::optional<int> ended();
  void reap_others() const;
  bool relay(int from, int to) const;
  void drain_terminal() const;

  const Launched& process_;
  Options options_;
  Fd signals_;
  std::optional<termios> saved_;
};

}  // namespace holdfast
