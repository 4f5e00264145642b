// The state directory: <root>/<id>/, 0700, one per container.
//
//   state.json   ContainerState with its attestation, replaced as a whole (rename): readers take no lock
//   plan.json    the Plan that is applied (canonical form); it is there once the cgroups of
//                state.json are the container's own
//   filters      the seccomp instructions, as loaded
//   supervisor.sock  where the keeper of a supervised container listens (sandbox/supervise/spawn.h)
//   start        a FIFO: see "the start FIFO" below
//   notify/      where the container's NOTIFY_SOCKET is, if it has one
//   deleting     the deleter's lock
//
//   HF_TRY(StateStore store, StateStore::open("/run/holdfast"));
//   HF_TRY(StateDir dir, store.create("c1"));             // EEXIST: "container with given ID already exists"
//   HF_DO(dir.save(state));
//   HF_TRY(StateDir dir, store.find("c1"));               // ENOENT: "container does not exist: c1"
//   HF_TRY(ContainerState state, dir.load());
//   switch (dir.status(state)) ...
//
// The start FIFO. `create` opens it O_RDWR, takes flock(LOCK_EX) on that description and hands it to the
// container's init, which blocks in read() until `start` writes one byte. The lock belongs to the open
// file description, so it is held exactly as long as init has neither executed nor died: `created` means
// "lock held", and `start` waits for the lock to learn that the program runs. If init fails after the byte
// it writes the error text into the FIFO, where `start` reads it.
//
// Locks (flock, so that they end with their holder): the directory itself is locked by the `create` that
// fills it, later by the one `start` that may proceed; `deleting` by the one `delete`. None of them is
// ever waited for without a bound, and neither status() nor load() needs one.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/event/audit_settings.h"
#include "core/plan/plan.h"
#include "sandbox/kernel/cgroup.h"
#include "sandbox/kernel/verify.h"

namespace holdfast {

// Who a process is, across reuse of pids and reboots.
struct ProcessIdentity {
  pid_t pid = 0;
  uint64_t start_time = 0;  // field 22 of /proc/PID/stat, clock ticks after boot
  std::string boot_id;
};

// What create found when it read back what it had applied, before the container's first instruction.
struct Attestation {
  std::string time;         // RFC 3339, nanoseconds, UTC
  std::string plan_digest;  // of plan.json
  // The protections that the kernel shows as planned, those that only the process itself could look
  // at and has reported, and those that the kernel does not show to an unprivileged runtime.
  std::vector<std::string> verified, reported, unseen;
  uint32_t filters_before = 0;  // seccomp filters that the runtime had itself
  oci::StringMap namespaces;    // {"net", "net:[4026531840]"}
  // The host at that time.
  std::string kernel;
  HostFacts::Cgroup cgroup = HostFacts::Cgroup::kNone;
  bool apparmor = false, selinux = false, mdwe = false;
  int32_t landlock_abi = 0;
};
Attestation attest(const Findings& found, const HostFacts& facts, uint32_t filters_before);

struct ContainerState {
  int32_t version = 1;  // of this format: a newer release reads what an older one wrote
  std::string id;
  std::string oci_version;
  std::string bundle;
  std::string rootfs;
  std::string created;      // RFC 3339, nanoseconds, UTC
  std::string owner;        // user name or uid, as `list` shows it
  ProcessIdentity creator;  // the runtime process that fills this directory, or did
  ProcessIdentity init;     // pid 0 until there is one
  bool complete = false;    // create came to its end; false means "creating" or abandoned
  bool paused_hint = false;
  CgroupRecord cgroups;
  std::vector<ProcessIdentity> supervisors;  // the keeper, then the supervisor
  uint32_t id_range = 0;  // first host id of the range that it holds; 0: none
  oci::StringMap annotations;
  oci::Hooks hooks;  // poststart and poststop run from here
  std::string apparmor;  // the label of our profile that the program runs under
  std::string profile;
  std::string plan_digest;
  std::optional<Attestation> attestation;  // written with `complete`
  std::optional<AuditSettings> audit;      // its start and end are recorded by these
};

enum class Status { kCreating, kCreated, kRunning, kPaused, kStopped };
std::string_view status_name(Status status);  // "created", ...

// The JSON form that is stored. Properties of a newer release are ignored, a newer version is refused.
std::string encode_container_state(const ContainerState& state);
Result<ContainerState> decode_container_state(std::string_view text);

// Whether `id` may name a container.
bool valid_id(std::string_view id);

// An open container directory.
class StateDir {
 public:
  StateDir(DirFd store, DirFd dir, std::string id)
      : store_(std::move(store)), dir_(std::move(dir)), id_(std::move(id)) {}

  const std::string& id() const { return id_; }
  const DirFd& dir() const { return dir_; }

  Result<> save(const ContainerState& state) const;
  Result<ContainerState> load() const;
  Result<> store_plan(std::string_view document) const;
  Result<std::string> load_plan_document() const;
  Result<Plan> load_plan() const;
  // Whether the cgroups that the state names were made for this container. Its creator may have died
  // between planning and making them: then they are whoever's they are.
  bool owns_cgroups() const;

  // Whether another container of this root lives in the cgroups of `state`, a stopped one: cgroups
  // that were left empty may be used again. Reads every state: for the rare case.
  Result<bool> shares_cgroups(const ContainerState& state) const;

  // Derived from the kernel (identity of init, the FIFO's lock, the freezer), never from a lock of ours.
  Result<Status> status(const ContainerState& state) const;

  // Makes the FIFO, opened O_RDWR and locked, for handing to init.
  Result<Fd> make_start_fifo() const;
  // Writes the start byte and waits until init executed; its error if it could not.
  Result<> signal_start(const ContainerState& state) const;

  // Exactly one process deletes: waits at most a second for another deleter. The lock ends with the Fd.
  // Code ENOENT ("container does not exist") if the directory has gone meanwhile.
  Result<Fd> lock_deletion() const;
  // Whether the directory still has a name: false once somebody has removed it.
  bool linked() const;

  // Removes the directory and all in it; code ENOTEMPTY if its creator wrote something meanwhile.
  Result<> remove() const;

 private:
  Result<Fd> open_delete_lock() const;

  DirFd store_;
  DirFd dir_;
  std::string id_;
};

class StateStore {
 public:
  // Makes the root 0700 if it does not exist; refuses one that others can write to.
  static Result<StateStore> open(const std::string& root);

  // "invalid container ID format" for names outside [A-Za-z0-9_+.-]+, too long, or with a leading dot
  // (those are the runtime's own).
  Result<StateDir> create(const std::string& id) const;
  Result<StateDir> find(const std::string& id) const;
  Result<std::vector<std::string>> ids() const;
  // Clears what deleters that were killed in their last step left: directories without a name of
  // a container, which stand for nothing any more.
  void sweep() const;

 private:
  // The directory that we just made.
  Result<StateDir> claim(const std::string& id) const;

  explicit StateStore(DirFd root) : root_(std::move(root)) {}
  DirFd root_;
};

// /run/holdfast for root, $XDG_RUNTIME_DIR/holdfast otherwise, also for the root of a user namespace.
std::string default_state_root();

// Fails with code ESRCH where there is no such process, or only its zombie.
Result<ProcessIdentity> identify(pid_t pid);
// Whether that very process lives (a zombie does not).
bool alive(const ProcessIdentity& identity);
// A pidfd of exactly that process; ESRCH ("process already finished") if it is gone or another one.
Result<Fd> open_process(const ProcessIdentity& identity);

}  // namespace holdfast
