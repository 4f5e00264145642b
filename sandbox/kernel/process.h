// What is applied to the process itself, one function per facility; each is called by the step
// table in sandbox/launch/init.cc, in the container's first process (or an exec's), and nowhere
// else. All report the object in their errors: "set rlimit RLIMIT_NOFILE: operation not permitted".
//
//   HF_TRY(DirFd procfs, private_procfs());
//   HF_DO(set_sysctl(procfs, "net.ipv4.ip_forward", "1"));
//   HF_DO(drop_bounding(process.capabilities));
//   HF_DO(keep_capabilities(true));
//   HF_DO(set_user(process.user, plan.rootless));
//   HF_DO(set_capabilities(process.capabilities));
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
// The caller's own sets.
Result<CapabilitySets> own_capabilities();
// The highest capability that the kernel knows.
int32_t last_capability();

// --- identity.cc ---
// setgroups, setresgid, setresuid, umask (0022 unless the user has one). A rootless
// container may be in a user namespace where setgroups is denied: its caller's groups stay then, and
// asking for others is an error.
Result<> set_user(const oci::User& user, bool rootless);
// Makes `uid` the owner of the pipes among descriptors 0 to 2, so that a program that is not root can
// open /dev/stdout. Nothing but pipes changes its owner.
Result<> give_pipes(uint32_t uid);

// --- limits.cc ---
// "RLIMIT_NOFILE" -> 7; nullopt for names that prlimit(2) does not know.
std::optional<int> rlimit_number(std::string_view type);
Result<> set_rlimits(const std::vector<oci::Rlimit>& limits);
// Of the caller. Lowering it needs CAP_SYS_RESOURCE in the initial user namespace, so a new user
// namespace cannot: call it before.
Result<> set_oom_score(const DirFd& procfs, int32_t score);

// --- scheduling.cc ---
// "0-3,7" -> {0x8f}: bit N of word N / 64 is CPU N.
Result<std::vector<uint64_t>> parse_cpu_list(std::string_view list);
// SCHED_FLAG_RESET_ON_FORK and the like as the kernel numbers them.
std::optional<uint64_t> scheduler_flag(std::string_view name);
Result<> set_scheduler(const oci::Scheduler& scheduler);
Result<> set_io_priority(const oci::IoPriority& priority);
Result<> set_cpu_affinity(const std::string& cpus);
Result<> set_personality(const oci::Personality& personality);

// --- seccomp.cc ---
// Loads one filter. Returns the listener's descriptor when SECCOMP_FILTER_FLAG_NEW_LISTENER is in
// `flags`.
Result<Fd> load_filter(const Filter& filter, uint32_t flags);
// The runtime-spec's ContainerProcessState for one listener; `state` is the JSON state document.
std::string listener_document(const std::string& oci_version, pid_t pid,
                              const std::string& metadata, const std::string& state);
// Sends the listener with the ContainerProcessState document over the unix socket at `path`.
Result<> send_listener(const std::string& path, const Fd& listener, const std::string& document);

// --- apparmor.cc (libapparmor), selinux.cc (libselinux) ---
// Whether the LSM is enabled on this host; one system call where it is not.
bool apparmor_enabled();
bool selinux_enabled();
// Whether the kernel has a profile of this name. Reads the host's securityfs: for diagnosis.
Result<bool> apparmor_profile_loaded(const std::string& profile);
// Whether the loaded SELinux policy knows this context.
Result<> check_selinux_label(const std::string& label);
// Writes the on-exec attribute through the private procfs and reads it back.
Result<> set_apparmor_on_exec(const DirFd& procfs, const std::string& profile);
Result<> set_selinux_on_exec(const DirFd& procfs, const std::string& label);
// The label of keyrings made from now on; empty: the default.
Result<> set_selinux_key_label(const DirFd& procfs, const std::string& label);

// --- mdwe.cc ---
// Memory becomes executable only by mapping it so, and never while it is writable: from now on, and
// for all descendants (PR_SET_MDWE, Linux 6.3). Read back.
Result<> refuse_writable_code();

// --- sysctl.cc ---
// Writes "net.ipv4.ip_forward" = value through the private procfs, openat2 beneath sys/, no links.
// The name was validated by validate_sysctl() (core/plan/sysctl.h).
Result<> set_sysctl(const DirFd& procfs, const std::string& name, const std::string& value);

// --- keyring.cc ---
// A session keyring named after the container ("_ses.ID"): new, or the container's when one of that
// name exists (exec). Searchable by the container's user, by others in a user namespace. A kernel
// without keyrings (ENOSYS) has nothing to separate: no error.
Result<> new_session_keyring(const std::string& id, bool user_namespace);

// --- netdevice.cc ---
// Moves host interfaces into the network namespace `netns` (rtnetlink), renamed as asked. Addresses
// of global scope that somebody configured (permanent ones) and the up state are kept.
Result<> move_net_devices(const std::map<std::string, oci::NetDevice>& devices, const Fd& netns);

// --- terminal.cc ---
struct Terminal {
  Fd master, peer;
};
// A new pty of the devpts at `devpts` (the container's /dev/pts, by descriptor), peer by
// TIOCGPTPEER.
Result<Terminal> open_terminal(const DirFd& devpts, const oci::User& owner);
Result<> set_window_size(const Fd& terminal, const oci::ConsoleSize& size);
// Sends the master over the engine's console socket.
Result<> send_terminal(const std::string& socket_path, const Fd& master);
// setsid, TIOCSCTTY, the peer as descriptors 0, 1, 2.
Result<> take_terminal(const Fd& peer);

}  // namespace holdfast
