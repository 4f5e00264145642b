// What is applied to the process itself, one function per facility; each is called by the step table
// in sandbox/launch/init.cc, in the container's first process (or an exec's), and nowhere else.
// All report the object in their errors: "set rlimit RLIMIT_NOFILE: operation not permitted".
#pragma once

#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/plan/plan.h"
#include "profiles/seccomp/filter.h"

namespace holdfast {

// --- capabilities.cc (libcap) ---
// "CAP_SYS_ADMIN" or "sys_admin" -> 21; nullopt if neither libcap nor the kernel knows it.
// (pure name table lives in core/plan/capability_names.h)
// Drops the bounding set to `sets.bounding`; needs CAP_SETPCAP; before the uid changes.
Result<> drop_bounding(const CapabilitySets& sets);
// Keeps permitted capabilities across the change of uid (PR_SET_KEEPCAPS).
Result<> keep_capabilities(bool keep);
// effective, permitted, inheritable, then ambient; what the kernel cannot give us is an error.
Result<> set_capabilities(const CapabilitySets& sets);

// --- identity.cc ---
// setgroups, setresgid, setresuid, umask. `may_setgroups` false in a user namespace with setgroups denied.
Result<> set_user(const oci::User& user, bool may_setgroups);

// --- limits.cc ---
Result<> set_rlimits(const std::vector<oci::Rlimit>& limits);
Result<> set_oom_score(const DirFd& procfs, int32_t score);
Result<> set_scheduler(const oci::Scheduler& scheduler);
Result<> set_io_priority(const oci::IoPriority& priority);
Result<> set_cpu_affinity(const std::string& cpus);
Result<> set_personality(const oci::Personality& personality);

// --- seccomp.cc ---
// Loads one filter. Returns the listener's descriptor when SECCOMP_FILTER_FLAG_NEW_LISTENER is in `flags`.
Result<Fd> load_filter(const Filter& filter, uint32_t flags);
// Sends the listener with the ContainerProcessState document over the unix socket at `path`.
Result<> send_listener(const std::string& path, const Fd& listener, const std::string& document);

// --- apparmor.cc (libapparmor), selinux.cc (libselinux) ---
// Whether the LSM is enabled on this host.
bool apparmor_enabled();
bool selinux_enabled();
// Writes the on-exec attribute through the private procfs and reads it back.
Result<> set_apparmor_on_exec(const DirFd& procfs, const std::string& profile);
Result<> set_selinux_on_exec(const DirFd& procfs, const std::string& label);

// --- sysctl.cc ---
// Writes "net.ipv4.ip_forward" = value through the private procfs, openat2 beneath sys/, no links.
Result<> set_sysctl(const DirFd& procfs, const std::string& name, const std::string& value);

// --- keyring.cc ---
// A new session keyring named after the container ("_ses.ID").
Result<> new_session_keyring(const std::string& id);

// --- netdevice.cc ---
// Moves host interfaces into the network namespace of `pid` (rtnetlink), addresses and up state kept.
Result<> move_net_devices(const std::map<std::string, oci::NetDevice>& devices, const Fd& netns);

// --- terminal.cc ---
struct Terminal {
  Fd master, peer;
};
// A new pty of the devpts at `devpts` (the container's /dev/pts, by descriptor), peer by TIOCGPTPEER.
Result<Terminal> open_terminal(const DirFd& devpts, const oci::User& owner);
Result<> set_window_size(const Fd& terminal, const oci::ConsoleSize& size);
// Sends the master over the engine's console socket.
Result<> send_terminal(const std::string& socket_path, const Fd& master);
// setsid, TIOCSCTTY, the peer as descriptors 0, 1, 2.
Result<> take_terminal(const Fd& peer);

}  // namespace holdfast
