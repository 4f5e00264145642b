// config.json: linux.seccomp (config-linux.md#seccomp).
#pragma once

#include "core/oci/describe/common.h"

namespace holdfast::oci {

inline constexpr json::Name<SeccompAction> kSeccompActions[] = {
    {"SCMP_ACT_ALLOW", SeccompAction::kAllow},
    {"SCMP_ACT_ERRNO", SeccompAction::kErrno},
    {"SCMP_ACT_KILL", SeccompAction::kKill},
    {"SCMP_ACT_KILL_PROCESS", SeccompAction::kKillProcess},
    {"SCMP_ACT_KILL_THREAD", SeccompAction::kKillThread},
    {"SCMP_ACT_LOG", SeccompAction::kLog},
    {"SCMP_ACT_NOTIFY", SeccompAction::kNotify},
    {"SCMP_ACT_TRACE", SeccompAction::kTrace},
    {"SCMP_ACT_TRAP", SeccompAction::kTrap}};
constexpr std::span<const json::Name<SeccompAction>> json_names(SeccompAction) {
  return kSeccompActions;
}

inline constexpr json::Name<SeccompOperator> kSeccompOperators[] = {
    {"SCMP_CMP_EQ", SeccompOperator::kEq}, {"SCMP_CMP_GE", SeccompOperator::kGe},
    {"SCMP_CMP_GT", SeccompOperator::kGt}, {"SCMP_CMP_LE", SeccompOperator::kLe},
    {"SCMP_CMP_LT", SeccompOperator::kLt}, {"SCMP_CMP_MASKED_EQ", SeccompOperator::kMaskedEq},
    {"SCMP_CMP_NE", SeccompOperator::kNe}};
constexpr std::span<const json::Name<SeccompOperator>> json_names(SeccompOperator) {
  return kSeccompOperators;
}

// Those of libseccomp 2.5, which compiles them.
inline constexpr std::string_view kSeccompArchitectures[] = {
    "SCMP_ARCH_AARCH64",   "SCMP_ARCH_ARM",      "SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",
    "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL",   "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PARISC",    "SCMP_ARCH_PARISC64", "SCMP_ARCH_PPC",      "SCMP_ARCH_PPC64",
    "SCMP_ARCH_PPC64LE",   "SCMP_ARCH_RISCV64",  "SCMP_ARCH_S390",     "SCMP_ARCH_S390X",
    "SCMP_ARCH_X32",       "SCMP_ARCH_X86",      "SCMP_ARCH_X86_64"};

inline constexpr std::string_view kSeccompFlags[] = {
    "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};

template <class V>
void describe(V& v, SeccompArg& a) {
  v.required("index", a.index);
  v.required("value", a.value);
  v.field("valueTwo", a.value_two);
  v.required("op", a.op);
  v.check(a.index <= 5, "index", "expected integer in range 0 to 5");
}

template <class V>
void describe(V& v, SeccompRule& r) {
  v.required("names", r.names);
  v.required("action", r.action);
  v.field("errnoRet", r.errno_ret);
  v.field("args", r.args);
  if constexpr (V::kDecodes) {
    v.check(!r.names.empty(), "names", "must not be empty");
    v.check(r.errno_ret.value_or(0) <= 0xffff, "errnoRet", "expected integer in range 0 to 65535");
  }
}

template <class V>
void describe(V& v, Seccomp& s) {
  v.required("defaultAction", s.default_action);
  v.field("defaultErrnoRet", s.default_errno_ret);
  v.field("architectures", s.architectures);
  v.field("flags", s.flags);
  v.field("listenerPath", s.listener_path);
  v.field("listenerMetadata", s.listener_metadata);
  v.field("syscalls", s.syscalls);
  check_known(v, "architectures", s.architectures, kSeccompArchitectures);
  check_known(v, "flags", s.flags, kSeccompFlags);
  v.check(s.default_errno_ret.value_or(0) <= 0xffff, "defaultErrnoRet",
          "expected integer in range 0 to 65535");
  v.check(s.listener_metadata.empty() || !s.listener_path.empty() || !v.intact("listenerPath"),
          "listenerMetadata", "needs listenerPath");
}

}  // namespace holdfast::oci
