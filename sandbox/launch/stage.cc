#include "sandbox/launch/stage.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/kernel/process.h"

namespace holdfast {

namespace {

using oci::NamespaceType;

struct Join {
  NamespaceType type;
  std::string path;
  Fd fd;
};

// Opened before any of them is entered: entering one may hide the paths of the others.
Result<std::vector<Join>> open_joined(const Plan& plan) {
  std::vector<Join> joins;
  for (const auto& ns : plan.namespaces) {
    if (ns.path.empty()) continue;
    Fd fd(::open(ns.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return os_error("{} namespace {}", spec_name(ns.type), ns.path);
    joins.push_back({ns.type, ns.path, std::move(fd)});
  }
  return joins;
}

Result<> become_namespace_root(const std::vector<oci::IdMapping>& uids) {
  for (const auto& m : uids) {
    if (m.container_id != 0) continue;
    if (::setresgid(0, 0, 0) != 0) return os_error("become gid 0 of the user namespace");
    if (::setresuid(0, 0, 0) != 0) return os_error("become uid 0 of the user namespace");
  }
  return {};
}

// Where cgroup v2 delegates by namespace, CLONE_INTO_CGROUP wants both cgroups in view: a joined
// cgroup namespace is entered after it, unless init's new user namespace has no power over it then.
void keep_cgroup_namespace(Stage& stage, std::vector<Join>& joins) {
  if (!stage.v2_cgroup || makes_namespace(stage.boot.plan, NamespaceType::kUser)) return;
  for (auto each = joins.begin(); each != joins.end(); ++each) {
    if (each->type != NamespaceType::kCgroup) continue;
    stage.cgroup_namespace = std::move(each->fd);
    joins.erase(each);
    return;
  }
}

Result<> enter_cgroup_namespace(const Stage& stage) {
  if (stage.cgroup_namespace && ::setns(stage.cgroup_namespace.get(), CLONE_NEWCGROUP) != 0)
    return os_error("join the cgroup namespace");
  return {};
}

// A namespace that belongs to the host's user namespace must be entered before a container's user
// namespace is, one that belongs to that user namespace after it: each is tried before, then after.
Result<> join_namespaces(std::vector<Join> joins) {
  const auto join = [](const Join& each) {
    return ::setns(each.fd.get(), static_cast<int>(clone_flag(each.type))) == 0;
  };
  std::vector<Join> later;
  const Join* user = nullptr;
  for (auto& each : joins) {
    if (each.type == NamespaceType::kUser) {
      user = &each;
    } else if (!join(each)) {
      if (errno != EPERM) return os_error("join {} namespace {}", spec_name(each.type), each.path);
      later.push_back({each.type, each.path, std::move(each.fd)});
    }
  }
  if (user) {
    if (!join(*user)) return os_error("join user namespace {}", user->path);
    HF_DO(become_namespace_root({oci::IdMapping{0, 0, 1}}));
  }
  for (const auto& each : later)
    if (!join(each)) return os_error("join {} namespace {}", spec_name(each.type), each.path);
  return {};
}

// time_namespaces(7): the offsets are written before the first process enters.
Result<> make_time_namespace(const Plan& plan) {
  if (::unshare(CLONE_NEWTIME) != 0) return os_error("create a time namespace");
  if (!plan.time_offsets) return {};
  std::string text;
  const auto add = [&text](const char* clock, const std::optional<oci::TimeOffset>& offset) {
    if (offset) text += fmt::format("{} {} {}\n", clock, offset->secs, offset->nanosecs);
  };
  add("monotonic", plan.time_offsets->monotonic);
  add("boottime", plan.time_offsets->boottime);
  if (text.empty()) return {};
  HF_TRY(DirFd self, DirFd::open("/proc/self"));
  return self.write("timens_offsets", text);
}

// Only the host's CAP_SYS_RESOURCE can raise a hard limit; inside a user namespace init cannot.
Result<> raise_hard_limits(const std::vector<oci::Rlimit>& limits) {
  for (const auto& limit : limits) {
    const auto number = rlimit_number(limit.type);
    if (!number) return error("rlimits: {} is unknown", limit.type);
    const auto resource = static_cast<__rlimit_resource>(*number);
    rlimit now{};
    if (::getrlimit(resource, &now) != 0) return os_error("get {}", limit.type);
    if (limit.hard <= now.rlim_max) continue;
    now.rlim_max = limit.hard;
    if (::setrlimit(resource, &now) != 0) return os_error("raise {} to {}", limit.type, limit.hard);
  }
  return {};
}

uint64_t new_namespace_flags(const Plan& plan) {
  uint64_t flags = 0;
  for (const auto& ns : plan.namespaces) {
    // A cgroup namespace shows the cgroups of whoever makes it: init makes its own. Time: see
    // above.
    if (!ns.path.empty() || ns.type == NamespaceType::kCgroup || ns.type == NamespaceType::kTime)
      continue;
    flags |= clone_flag(ns.type);
  }
  return flags;
}

// Returns 0 in init. The new process is a child of the runtime, not of stage 1.
Result<pid_t> clone_init(uint64_t namespaces, const Fd& cgroup) {
  clone_args request{};
  request.flags = namespaces | CLONE_PARENT;
  if (cgroup) {
    request.flags |= CLONE_INTO_CGROUP;
    request.cgroup = static_cast<uint64_t>(cgroup.get());
  }
  const long pid = ::syscall(SYS_clone3, &request, sizeof request);
  if (pid < 0) return os_error("clone into the container's namespaces");
  return static_cast<pid_t>(pid);
}

Result<uint64_t> prepare_first(Stage& stage) {
  const Plan& plan = stage.boot.plan;
  HF_TRY(stage.sources, open_mount_sources(plan));
  HF_TRY(auto joins, open_joined(plan));
  HF_TRY(Message ready, stage.channel.expect(MessageType::kContinue));  // the cgroups stand
  HF_DO(with_context(attach_v1(stage.boot.cgroups), "cgroup"));
  HF_TRY(stage.v2_cgroup, v2_directory(stage.boot.cgroups));
  if (makes_namespace(plan, NamespaceType::kTime)) HF_DO(make_time_namespace(plan));
  keep_cgroup_namespace(stage, joins);
  HF_DO(join_namespaces(std::move(joins)));
  return new_namespace_flags(plan);
}

Result<uint64_t> prepare_exec(Stage& stage) {
  HF_DO(with_context(attach_v1(stage.boot.cgroups), "cgroup"));
  HF_TRY(stage.v2_cgroup, v2_directory(stage.boot.cgroups, stage.boot.init_pid));
  uint64_t flags = 0;
  for (const auto& ns : stage.boot.plan.namespaces) flags |= clone_flag(ns.type);
  if (stage.v2_cgroup && (flags & CLONE_NEWCGROUP) != 0) {
    flags &= ~uint64_t{CLONE_NEWCGROUP};
    stage.cgroup_namespace = Fd(::fcntl(stage.boot.init_pidfd, F_DUPFD_CLOEXEC, 0));
    if (!stage.cgroup_namespace) return os_error("keep the container's pidfd");
  }
  // One call: the kernel orders them, and none is entered if one cannot be.
  if (flags != 0 && ::setns(stage.boot.init_pidfd, static_cast<int>(flags)) != 0)
    return os_error("join the container's namespaces");
  if (find_namespace(stage.boot.plan, NamespaceType::kUser))
    HF_DO(become_namespace_root({oci::IdMapping{0, 0, 1}}));
  return 0;
}

}  // namespace

bool makes_namespace(const Plan& plan, NamespaceType type) {
  const auto* ns = find_namespace(plan, type);
  return ns && ns->path.empty();
}

Result<> enter_namespaces(Stage& stage) {
  const Boot& boot = stage.boot;
  const ProcessPlan& process = boot.exec ? *boot.exec : boot.plan.process;
  // Nobody in a container that we join may trace us or look through /proc/PID of ours.
  if (boot.exec && ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return os_error("clear dumpable");
  if (process.oom_score_adj) {
    HF_TRY(DirFd procfs, DirFd::open("/proc"));
    HF_DO(set_oom_score(procfs, *process.oom_score_adj));
  }
  HF_DO(raise_hard_limits(process.rlimits));
  // execCPUAffinity is for processes that enter a container: where they get in, and where they run.
  if (boot.exec && process.cpu_affinity && !process.cpu_affinity->initial.empty())
    HF_DO(set_cpu_affinity(process.cpu_affinity->initial));
  HF_TRY(const uint64_t flags, boot.exec ? prepare_exec(stage) : prepare_first(stage));
  HF_TRY(const pid_t pid, clone_init(flags, stage.v2_cgroup));
  if (pid != 0) ::_exit(0);
  HF_DO(stage.channel.send({MessageType::kBorn}));
  HF_DO(enter_cgroup_namespace(stage));
  if (boot.exec || !makes_namespace(boot.plan, NamespaceType::kUser)) return {};
  HF_TRY(Message mapped, stage.channel.expect(MessageType::kContinue));
  HF_DO(become_namespace_root(boot.plan.uid_mappings));
  return {};
}

}  // namespace holdfast
