#include "profiles/seccomp/newer_calls.h"

namespace holdfast {
namespace {

// libseccomp 2.5.4 ends at 450; a later release that knows a name is asked first.
// Source: scripts/syscall.tbl of Linux 6.19.
constexpr NewerCall kCalls[] = {
    {"cachestat", 451},         {"fchmodat2", 452},        {"map_shadow_stack", 453},
    {"futex_wake", 454},        {"futex_wait", 455},       {"futex_requeue", 456},
    {"statmount", 457},         {"listmount", 458},        {"lsm_get_self_attr", 459},
    {"lsm_set_self_attr", 460}, {"lsm_list_modules", 461}, {"mseal", 462},
    {"setxattrat", 463},        {"getxattrat", 464},       {"listxattrat", 465},
    {"removexattrat", 466},     {"open_tree_attr", 467},   {"file_getattr", 468},
    {"file_setattr", 469},      {"listns", 470},
};

}  // namespace

std::span<const NewerCall> newer_calls() { return kCalls; }

std::optional<uint32_t> newer_call(std::string_view name) {
  for (const NewerCall& call : kCalls)
    if (call.name == name) return call.number;
  return std::nullopt;
}

}  // namespace holdfast
