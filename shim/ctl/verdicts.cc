#include "shim/ctl/verdicts.h"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <cstring>

#include "core/base/text.h"
#include "core/plan/capability_names.h"
#include "profiles/policy/profile.h"
#include "profiles/seccomp/library.h"
#include "profiles/seccomp/newer_calls.h"
#include "profiles/seccomp/profile.h"

namespace holdfast::ctl {
namespace {

constexpr uint32_t kX32Bit = 0x40000000;

struct ArchRow {
  std::string_view name;
  uint32_t arch;
};
constexpr ArchRow kArchs[] = {{"x86_64", AUDIT_ARCH_X86_64},   {"i386", AUDIT_ARCH_I386},
                              {"aarch64", AUDIT_ARCH_AARCH64}, {"arm", AUDIT_ARCH_ARM},
                              {"riscv64", AUDIT_ARCH_RISCV64}, {"s390x", AUDIT_ARCH_S390X},
                              {"ppc64le", AUDIT_ARCH_PPC64LE}};

// The kernel compares the actions as signed numbers: KILL_PROCESS is the smallest.
int32_t strictness(uint32_t action) {
  return static_cast<int32_t>(action & SECCOMP_RET_ACTION_FULL);
}

// Whether our profile would let the call through with these grants.
Result<bool> opens(const FilterPlan& plan, const SeccompGrants& grants, const SystemCall& call) {
  const oci::Seccomp description =
      plan.name.ends_with("allowlist") ? allowlist(grants) : denylist(grants);
  HF_TRY(const Filter filter, compile(description, {.complain = false, .own = true}));
  return allows(verdict(filter, call));
}

// The capability whose exception opens the call, or -1.
Result<int> opening_capability(const FilterPlan& plan, SeccompGrants grants,
                               const SystemCall& call) {
  grants.capabilities = ~uint64_t{0};
  HF_TRY(const bool any, opens(plan, grants, call));
  for (int number = 0; any && number < 64; ++number) {
    if (capability_name(number).empty()) continue;
    grants.capabilities = uint64_t{1} << number;
    HF_TRY(const bool opened, opens(plan, grants, call));
    if (opened) return number;
  }
  return -1;
}

Result<std::string> profile_remedy(const FilterPlan& plan, const SystemCall& call,
                                   const std::vector<std::string>* removed) {
  SeccompGrants none;
  const std::string_view profile = std::string_view(plan.name).substr(0, plan.name.rfind(' '));
  const Profile* shipped = shipped_profile(profile);
  if (shipped)
    none.remove = shipped->seccomp.remove;
  else if (removed)
    none.remove = *removed;
  const auto another = [&] {
    return shipped ? std::string("profile baseline")
                   : fmt::format("another profile: {} denies it by its seccomp.remove", profile);
  };
  // What the profile was is not known any more: what the shipped ones let through it has removed.
  if (!shipped && !removed) {
    HF_TRY(const bool plain, opens(plan, none, call));
    if (plain) return another();
  }
  SeccompGrants grants = none;
  grants.nested_containers = true;
  HF_TRY(const bool nested, opens(plan, grants, call));
  if (nested) return std::string("exception \"nestedContainers\" in the node's policy");
  grants = none;
  grants.io_uring = true;
  HF_TRY(const bool ring, opens(plan, grants, call));
  if (ring) return std::string("exception \"ioUring\" in the node's policy");
  HF_TRY(const int capability, opening_capability(plan, none, call));
  if (capability >= 0)
    return fmt::format("exception \"capabilities:{}\" in the node's policy, and the capability",
                       capability_name(capability).substr(4));
  if (!none.remove.empty()) {
    HF_TRY(const bool looser, opens(plan, SeccompGrants{}, call));
    if (looser) return another();
  }
  return std::string(
      "no exception: the profile denies it to every container that is not privileged");
}

Result<std::string> remedy(const FilterPlan& plan, const SystemCall& call,
                           const std::vector<std::string>* removed) {
  if (plan.origin == FilterOrigin::kProfile) return profile_remedy(plan, call, removed);
  return std::string(
      "the engine's seccomp profile: docker run --security-opt seccomp=FILE, or "
      "securityContext.seccompProfile, with a profile that allows it");
}

}  // namespace

bool allows(uint32_t action) {
  const uint32_t kind = action & SECCOMP_RET_ACTION_FULL;
  return kind == SECCOMP_RET_ALLOW || kind == SECCOMP_RET_LOG;
}

std::string answer_text(uint32_t action) {
  switch (action & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
      return "allowed";
    case SECCOMP_RET_LOG:
      return "allowed and logged";
    case SECCOMP_RET_ERRNO: {
      const char* name = ::strerrorname_np(static_cast<int>(action & SECCOMP_RET_DATA));
      return name ? name : fmt::format("error {}", action & SECCOMP_RET_DATA);
    }
    case SECCOMP_RET_TRACE:
      return "left to a tracer (ENOSYS without one)";
    case SECCOMP_RET_TRAP:
      return "signal SIGSYS";
    case SECCOMP_RET_USER_NOTIF:
      return "left to the filter's listener";
    case SECCOMP_RET_KILL_THREAD:
      return "killed (the thread)";
    default:
      return "killed (the process)";
  }
}

std::optional<uint32_t> arch_of(std::string_view name) {
  for (const ArchRow& row : kArchs)
    if (row.name == name) return row.arch;
  return std::nullopt;
}

std::string arch_text(uint32_t arch) {
  for (const ArchRow& row : kArchs)
    if (row.arch == arch) return std::string(row.name);
  return fmt::format("{:#x}", arch);
}

uint32_t native_arch() { return seccomp::native_architecture(); }

std::string call_text(uint32_t arch, int32_t number) {
  const auto plain = static_cast<uint32_t>(number) & ~kX32Bit;
  const bool x32 = arch == AUDIT_ARCH_X86_64 && plain != static_cast<uint32_t>(number);
  const auto name = x32 ? seccomp::call_name(*seccomp::architecture("SCMP_ARCH_X32"),
                                             static_cast<uint32_t>(number))
                        : seccomp::call_name(arch, plain);
  if (name) return *name + (x32 ? " (x32)" : "");
  for (const NewerCall& call : newer_calls())
    if (call.number == plain) return std::string(call.name) + (x32 ? " (x32)" : "");
  return fmt::format("#{}", number);
}

Result<int32_t> call_of(uint32_t arch, std::string_view text) {
  const std::string_view digits = text.starts_with('#') ? text.substr(1) : text;
  if (const auto number = parse_number<int32_t>(digits)) return *number;
  if (const auto number = seccomp::call_number(arch, std::string(text)))
    return static_cast<int32_t>(*number);
  // i386 has two ways to its socket and IPC calls, and libseccomp's name stands for both: the direct one.
  for (uint32_t number = 0; number < 1024; ++number)
    if (seccomp::call_name(arch, number) == text) return static_cast<int32_t>(number);
  if (const auto number = newer_call(text); number && !seccomp::call_number(std::string(text)))
    return static_cast<int32_t>(*number);
  return error("{} has no system call \"{}\"", arch_text(arch), text);
}

Result<Judgement> judge_call(const Plan& plan, const std::vector<Filter>& filters,
                             const SystemCall& call, const std::vector<std::string>* removed) {
  Judgement judgement{.action = SECCOMP_RET_ALLOW, .answer = "", .filter = "", .remedy = ""};
  const FilterPlan* strictest = nullptr;
  for (size_t i = 0; i < filters.size() && i < plan.filters.size(); ++i) {
    const uint32_t action = verdict(filters[i], call);
    // Of equal ones the kernel keeps the one that was loaded last: its data is the program's answer.
    if (strictness(action) > strictness(judgement.action)) continue;
    if (allows(action) && strictest == nullptr &&
        strictness(action) == strictness(judgement.action))
      continue;
    judgement.action = action;
    strictest = &plan.filters[i];
  }
  judgement.answer = answer_text(judgement.action);
  if (strictest == nullptr) return judgement;
  judgement.filter = strictest->name;
  HF_TRY(judgement.remedy, remedy(*strictest, call, removed));
  return judgement;
}

}  // namespace holdfast::ctl
