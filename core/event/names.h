// The names of an event's enums, as logs and documents write them.
//
//   enum_name(e.kind) == "exec"; named<EventKind>("exec") == EventKind::kExec
#pragma once

#include "core/event/event.h"
#include "core/json/codec.h"
#include "core/plan/describe_supervision.h"

namespace holdfast {

inline constexpr json::Name<EventKind> kEventKinds[] = {{"lifecycle", EventKind::kLifecycle},
                                                        {"exec", EventKind::kExec},
                                                        {"file", EventKind::kFile},
                                                        {"network", EventKind::kNetwork},
                                                        {"syscall", EventKind::kSyscall},
                                                        {"response", EventKind::kResponse},
                                                        {"supervisor", EventKind::kSupervisor}};
constexpr std::span<const json::Name<EventKind>> json_names(EventKind) { return kEventKinds; }

inline constexpr json::Name<Disposition> kDispositions[] = {{"allowed", Disposition::kAllowed},
                                                            {"blocked", Disposition::kBlocked},
                                                            {"detected", Disposition::kDetected},
                                                            {"failed", Disposition::kFailed}};
constexpr std::span<const json::Name<Disposition>> json_names(Disposition) { return kDispositions; }

template <class E>
constexpr std::string_view enum_name(E value) {
  for (const auto& each : json_names(E{}))
    if (each.value == value) return each.name;
  return "unknown";
}

template <class E>
constexpr std::optional<E> named(std::string_view name) {
  for (const auto& each : json_names(E{}))
    if (each.name == name) return each.value;
  return std::nullopt;
}

}  // namespace holdfast
