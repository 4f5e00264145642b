#include "sandbox/launch/stage.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "sandbox/kernel/process.h"
#include "sandbox/kernel/user_namespace.h"

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
    Fd fd;
    if (ns.type == NamespaceType::kUser) {
      // The namespaces of a pod may name theirs: docs/adr/0130-user-namespaces.md.
      HF_TRY(fd, with_context(open_user_namespace(ns.path), "user namespace"));
    } else {
      fd = Fd(::open(ns.path.c_str(), O_RDONLY | O_CLOEXEC));
      if (!fd) return os_error("{} namespace {}", spec_name(ns.type), ns.path);
    }
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

bool contains(const std::vector<Join>& all, NamespaceType type) {
  return std::ranges::any_of(all, [type](const Join& each) { return each.type == type; });
}

// CLONE_INTO_CGROUP wants rights over the cgroup, which a joined user namespace takes away, and
// both cgroups in view of the caller's cgroup namespace: a joined one is entered after the clone.
// Where that cannot be, as a new user namespace has no power over it, the slow way leads in.
Result<> prepare_v2(Stage& stage, std::vector<Join>& all) {
  const bool makes_user = makes_namespace(stage.boot.plan, NamespaceType::kUser);
  if (contains(all, NamespaceType::kUser) || (contains(all, NamespaceType::kCgroup) && makes_user))
    return attach_v2(stage.boot.cgroups);
  HF_TRY(stage.v2_cgroup, v2_directory(stage.boot.cgroups));
  if (!stage.v2_cgroup) return {};
  for (auto each = all.begin(); each != all.end(); ++each) {
    if (each->type != NamespaceType::kCgroup) continue;
    stage.cgroup_namespace = std::move(each->fd);
    all.erase(each);
    break;
  }
  return {};
}

Result<uint64_t> prepare_first(Stage& stage) {
  const Plan& plan = stage.boot.plan;
  HF_TRY(stage.sources, open_mount_sources(plan));
  HF_TRY(auto joins, open_joined(plan));
  HF_TRY(Message ready, stage.channel.expect(MessageType::kContinue));  // the cgroups stand
  HF_DO(with_context(attach_v1(stage.boot.cgroups), "cgroup"));
  HF_DO(with_context(prepare_v2(stage, joins), "cgroup"));
  if (makes_namespace(plan, NamespaceType::kTime)) HF_DO(make_time_namespace(plan));
  HF_DO(join_namespaces(std::move(joins)));
  return new_namespace_flags(plan);
}

int all_namespaces(const Plan& plan) {
  int flags = 0;
  for (const auto& ns : plan.namespaces) flags |= static_cast<int>(clone_flag(ns.type));
  return flags;
}

// One call for many: the kernel orders them, and none is entered if one cannot be.
bool join_container(const Stage& stage, int flags) {
  return flags == 0 || ::setns(stage.boot.init_pidfd.get(), flags) == 0;
}

// The clone into the cgroup takes the host's cgroup namespace, so that one is joined after it, and
// rights over the cgroup, which a container's user namespace does not have: that one comes after
// it, too, and with it all but the pid namespace, which is for children only. (Without a user
// namespace the rest comes before: a process in there may be allowed to trace us.) Who has no right
// to the pid namespace but through the user namespace is rootless, and owns the cgroup in there.
Result<> prepare_exec(Stage& stage) {
  HF_DO(with_context(attach_v1(stage.boot.cgroups), "cgroup"));
  HF_TRY(stage.v2_cgroup, v2_directory(stage.boot.cgroups, stage.boot.init_pid));
  const int all = all_namespaces(stage.boot.plan);
  const bool user = (all & CLONE_NEWUSER) != 0;
  const int first = user ? all & CLONE_NEWPID : all & ~CLONE_NEWCGROUP;
  stage.later = all & ~first;
  if (join_container(stage, first)) return {};
  if (user && errno == EPERM) {
    stage.later = all & CLONE_NEWCGROUP;
    if (join_container(stage, all & ~CLONE_NEWCGROUP))
      return become_namespace_root({oci::IdMapping{0, 0, 1}});
  }
  return os_error("join the container's namespaces");
}

// In init: what could not be joined before the clone into the cgroup.
Result<> join_the_rest(const Stage& stage) {
  if (stage.cgroup_namespace && ::setns(stage.cgroup_namespace.get(), CLONE_NEWCGROUP) != 0)
    return os_error("join the cgroup namespace");
  if (!join_container(stage, stage.later)) return os_error("join the container's namespaces");
  if ((stage.later & CLONE_NEWUSER) == 0) return {};
  return become_namespace_root({oci::IdMapping{0, 0, 1}});
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
  // Only out here may pipes of ours be given to an id of a user namespace.
  const auto owner = outside_id(boot.plan.uid_mappings, process.user.uid);
  if (owner && !process.terminal) HF_DO(give_pipes(*owner));
  uint64_t flags = 0;
  if (boot.exec) {
    HF_DO(prepare_exec(stage));
  } else {
    HF_TRY(flags, prepare_first(stage));
  }
  HF_TRY(const pid_t pid, clone_init(flags, stage.v2_cgroup));
  if (pid != 0) ::_exit(0);
  HF_DO(join_the_rest(stage));
  HF_DO(stage.channel.send({MessageType::kBorn}));
  if (boot.exec) return {};
  HF_TRY(Message limited, stage.channel.expect(MessageType::kContinue));
  if (!makes_namespace(boot.plan, NamespaceType::kUser)) return {};
  HF_TRY(Message mapped, stage.channel.expect(MessageType::kContinue));
  HF_DO(become_namespace_root(boot.plan.uid_mappings));
  return {};
}

}  // namespace holdfast
