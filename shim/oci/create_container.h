// `create` and `run` up to the point where the container's first process stands ready.
//
//   HF_TRY(CreatedContainer c, create_container(globals, request));
//   HF_DO(finish_create(c, request));      // pid file, pidfd: the engine learns of it
//
// Nothing external is made before it is journalled in the state directory. On an error everything
// is undone: processes, cgroups, state.
#pragma once

#include <string>

#include "core/oci/spec.h"
#include "sandbox/launch/launch.h"
#include "shim/oci/container.h"

namespace holdfast {

struct CreateRequest {
  std::string id;
  std::string bundle = ".";
  std::string config = "config.json";
  std::string console_socket, pidfd_socket, pid_file;
  bool no_pivot = false, no_new_keyring = false;
  uint32_t preserve_fds = 0;
  bool notify = false;    // the caller waits for the container's READY=1
  bool parked = false;    // create: wait on the start FIFO
  bool detached = false;  // the runtime does not stay: it cannot keep a terminal
};

struct CreatedContainer {
  StateDir dir;
  ContainerState state;
  bool terminal = false;
  Launched process;
};

// The flags that create and run share, and their reading.
inline constexpr Flag kCreateFlags[] = {
    {"bundle", 'b', FlagKind::kText, "DIR", "the bundle's directory (default: the current one)"},
    {"config", 'f', FlagKind::kText, "FILE", "read this instead of the bundle's config.json"},
    {"console-socket", 0, FlagKind::kText, "SOCKET", "socket that receives the terminal's master"},
    {"pidfd-socket", 0, FlagKind::kText, "SOCKET", "socket that receives a pidfd of the container"},
    {"pid-file", 0, FlagKind::kText, "FILE", "write the container's process id there"},
    {"no-pivot", 0, FlagKind::kSwitch, "", "do not use pivot_root, for a root on a ramdisk"},
    {"no-new-keyring", 0, FlagKind::kSwitch, "", "keep the caller's session keyring"},
    {"preserve-fds", 0, FlagKind::kText, "N", "pass N descriptors on, beyond stdio and LISTEN_FDS"},
};
Result<CreateRequest> create_request(const Arguments& args);

Result<CreatedContainer> create_container(const Globals& globals, const CreateRequest& request);

// What every caller checks: descriptors that are to be preserved exist.
Result<> check_preserved(uint32_t count);
// The descriptors that systemd's socket activation passed us (LISTEN_FDS, LISTEN_PID).
uint32_t listen_fds();

}  // namespace holdfast
