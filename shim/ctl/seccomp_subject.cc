#include "shim/ctl/seccomp_subject.h"

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "core/base/fd.h"
#include "profiles/policy/profile.h"
#include "profiles/seccomp/library.h"
#include "profiles/seccomp/profile.h"
#include "profiles/seccomp/sets.h"
#include "sandbox/kernel/probe.h"
#include "shim/ctl/containers.h"
#include "shim/ctl/policy_source.h"
#include "shim/ctl/verdicts.h"
#include "shim/oci/bundle.h"
#include "shim/oci/load_policy.h"

namespace holdfast::ctl {
namespace {

constexpr size_t kMaxProfile = 16 << 20;

void add(SeccompSubject& subject, std::string name, FilterOrigin origin, Filter filter,
         std::optional<EngineProfile> description) {
  FilterPlan plan;
  plan.name = std::move(name);
  plan.origin = origin;
  plan.instructions = static_cast<uint32_t>(filter.size());
  subject.plan.filters.push_back(std::move(plan));
  subject.filters.push_back(std::move(filter));
  subject.descriptions.push_back(std::move(description));
}

// A profile's filter: alone (the allowlist, where the engine gives no profile) or beneath an engine's.
struct Form {
  std::string_view name, suffix;
  bool beneath;
};
constexpr Form kForms[] = {
    {"allowlist", "", false}, {"allowlist", "-allowlist", false}, {"denylist", "-denylist", true}};

// The architectures of a machine: as if the profile was compiled there.
oci::Strings machine(uint32_t arch) {
  if (arch == AUDIT_ARCH_AARCH64 || arch == AUDIT_ARCH_ARM)
    return {"SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"};
  if (arch == AUDIT_ARCH_X86_64 || arch == AUDIT_ARCH_I386)
    return {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"};
  return {};
}

Result<SeccompSubject> of_profile(const Profile& profile, const Form& form,
                                  const SubjectOptions& options) {
  if (profile.seccomp.filter == Requirement::kOff)
    return error("profile {} loads no filter of its own (seccomp.filter is off)", profile.name);
  SeccompGrants grants;
  grants.remove = profile.seccomp.remove;
  grants.architectures = machine(options.arch);
  oci::Seccomp description = form.beneath ? denylist(grants) : allowlist(grants);
  HF_TRY(Filter filter, compile(description, {.complain = false, .own = true}));
  SeccompSubject subject;
  subject.source =
      fmt::format("profile {}, {}", profile.name, form.beneath ? "beneath an engine's" : "alone");
  subject.removed = profile.seccomp.remove;
  add(subject, fmt::format("{} {}", profile.name, form.name), FilterOrigin::kProfile,
      std::move(filter), EngineProfile{std::move(description), {}});
  return subject;
}

// "web", "web-denylist": looked for by find(name); nothing if there is no such profile.
template <class Find>
std::optional<Result<SeccompSubject>> from_profiles(std::string_view name,
                                                    const SubjectOptions& options, Find find) {
  for (const Form& form : kForms) {
    if (!name.ends_with(form.suffix)) continue;
    const std::string_view base = name.substr(0, name.size() - form.suffix.size());
    if (const Profile* profile = find(base)) return of_profile(*profile, form, options);
  }
  return std::nullopt;
}

// A profile of the node's, or a container.
Result<SeccompSubject> from_container(const std::string& id, const std::string& root);
Result<SeccompSubject> from_node(const std::string& name, const SubjectOptions& options) {
  const auto policy = policy_from(kNodeDirectory);
  if (policy) {
    const auto find = [&](std::string_view base) { return policy->find_profile(base); };
    if (auto subject = from_profiles(name, options, find)) return std::move(*subject);
  }
  auto container = from_container(name, options.root);
  if (!container && !policy)
    return error("{}; nor can the node's profiles be read: {}", container.error().message,
                 policy.error().message);
  return container;
}

std::pair<int, int> running_kernel() {
  utsname name{};
  std::pair<int, int> version{0, 0};
  if (::uname(&name) == 0) ::sscanf(name.release, "%d.%d", &version.first, &version.second);
  return version;
}

Result<SeccompSubject> from_file(const std::string& path, const SubjectOptions& options) {
  HF_TRY(const DirFd here, DirFd::open("."));
  HF_TRY(const std::string text, here.read(path, kMaxProfile));
  const EngineFacts facts{options.arch, options.capabilities, running_kernel()};
  HF_TRY(EngineProfile profile, with_context(decode_engine_profile(text, facts), "{}", path));
  HF_TRY(Filter filter, with_context(compile(profile.seccomp), "{}", path));
  SeccompSubject subject;
  subject.source = path;
  add(subject, path.substr(path.rfind('/') + 1), FilterOrigin::kEngine, std::move(filter),
      std::move(profile));
  return subject;
}

// All that would be loaded for the bundle under this node's policy.
Result<SeccompSubject> from_bundle(const std::string& path) {
  HF_TRY(const HostFacts facts, probe_host());
  HF_TRY(const Bundle bundle, open_bundle(path, "config.json"));
  HF_TRY(const Policy policy,
         load_policy(facts, subject_of(bundle.spec, facts, parent_of(bundle.path))));
  const Request request =
      request_for(bundle, "explained", facts.euid != 0 || facts.in_user_namespace);
  HF_TRY(Examined examined, examine(request, bundle.spec, policy, facts));
  SeccompSubject subject;
  subject.source = "bundle " + bundle.path;
  for (FilterSource& source : examined.resolved.filters) {
    HF_TRY(Filter filter, compile(source.seccomp, source.options));
    EngineProfile description{std::move(source.seccomp), {}};
    add(subject, source.plan.name, source.plan.origin, std::move(filter), std::move(description));
  }
  return subject;
}

Result<SeccompSubject> from_container(const std::string& id, const std::string& root) {
  HF_TRY(const Found found, find_container(id, root));
  SeccompSubject subject;
  subject.source = "container " + found.dir.id();
  HF_TRY(subject.plan, found.load_plan());
  HF_TRY(subject.filters, found.load_filters(subject.plan));
  subject.descriptions.resize(subject.filters.size());
  return subject;
}

bool is_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && !S_ISDIR(info.st_mode);
}

bool matches(const oci::SeccompArg& arg, const SystemCall& call) {
  const uint64_t value = call.args[arg.index];
  switch (arg.op) {
    case oci::SeccompOperator::kNe:
      return value != arg.value;
    case oci::SeccompOperator::kLt:
      return value < arg.value;
    case oci::SeccompOperator::kLe:
      return value <= arg.value;
    case oci::SeccompOperator::kEq:
      return value == arg.value;
    case oci::SeccompOperator::kGe:
      return value >= arg.value;
    case oci::SeccompOperator::kGt:
      return value > arg.value;
    case oci::SeccompOperator::kMaskedEq:
      return (value & arg.value) == arg.value_two;
  }
  return false;
}

// The rules of an engine's description that name the call with these arguments.
std::string rules_of(const EngineProfile& profile, const std::string& name, const SystemCall& call,
                     uint32_t action) {
  std::string text;
  for (size_t i = 0; i < profile.seccomp.syscalls.size(); ++i) {
    const oci::SeccompRule& rule = profile.seccomp.syscalls[i];
    if (std::find(rule.names.begin(), rule.names.end(), name) == rule.names.end()) continue;
    if (!std::all_of(rule.args.begin(), rule.args.end(),
                     [&](const oci::SeccompArg& arg) { return matches(arg, call); }))
      continue;
    if (!text.empty()) text += ", ";
    text += fmt::format("syscalls[{}]", profile.places.empty() ? i : profile.places[i]);
    if (!rule.args.empty()) text += " by the arguments";
  }
  if (!text.empty()) return text;
  return action == (SECCOMP_RET_ERRNO | ENOSYS) &&
                 profile.seccomp.default_errno_ret.value_or(EPERM) != ENOSYS
             ? "newer than all calls that the profile names"
             : "no rule matches: defaultAction";
}

std::string set_text(const std::string& name) {
  if (name == "clone" || name == "unshare") return "judged by its flags: new namespaces";
  if (name == "clone3") return "its flags lie in memory: C libraries fall back to clone";
  if (name == "socket") return "judged by its family";
  const std::string_view set = set_of(name);
  if (set.empty()) return "in no set: not known to the profile";
  for (const SyscallSet& each : all_syscall_sets())
    if (each.name == set) return fmt::format("{}: {}", set, each.what);
  return "";
}

}  // namespace

Result<SeccompSubject> load_seccomp_subject(const std::string& name,
                                            const SubjectOptions& options) {
  if (options.root.empty()) {
    if (auto subject = from_profiles(name, options, shipped_profile)) return std::move(*subject);
    const size_t slash = name.rfind('/');
    const std::string last = name.substr(slash == std::string::npos ? 0 : slash + 1);
    if (last == "config.json" && is_file(name))
      return from_bundle(slash == std::string::npos ? "." : name.substr(0, slash + 1));
    if (is_file(name + "/config.json")) return from_bundle(name);
    if (is_file(name)) return from_file(name, options);
    if (slash != std::string::npos)
      return error("{}: no profile file, bundle or config.json is there", name);
    return from_node(name, options);
  }
  return from_container(name, options.root);
}

std::string why(const SeccompSubject& subject, size_t index, const SystemCall& call,
                uint32_t action) {
  const std::string name = call_text(call.arch, call.nr);
  if (subject.plan.filters[index].origin == FilterOrigin::kProfile) {
    if (action == (SECCOMP_RET_ERRNO | ENOSYS) && name != "clone3")
      return "newer than the profile, or an architecture without filters";
    return set_text(name);
  }
  const auto& description = subject.descriptions[index];
  return description ? rules_of(*description, name, call, action) : "";
}

uint64_t usual_capabilities() {
  constexpr int kNumbers[] = {
      CAP_CHOWN,      CAP_DAC_OVERRIDE, CAP_FOWNER,      CAP_FSETID,           CAP_KILL,
      CAP_SETGID,     CAP_SETUID,       CAP_SETPCAP,     CAP_NET_BIND_SERVICE, CAP_NET_RAW,
      CAP_SYS_CHROOT, CAP_MKNOD,        CAP_AUDIT_WRITE, CAP_SETFCAP};
  uint64_t all = 0;
  for (const int number : kNumbers) all |= uint64_t{1} << number;
  return all;
}

}  // namespace holdfast::ctl
