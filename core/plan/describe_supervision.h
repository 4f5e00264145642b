// The JSON form of the SupervisionPlan, member by member.
#pragma once

#include "core/json/codec.h"
#include "core/plan/supervision.h"

namespace holdfast {

inline constexpr json::Name<Severity> kSeverities[] = {{"informational", Severity::kInformational},
                                                       {"low", Severity::kLow},
                                                       {"medium", Severity::kMedium},
                                                       {"high", Severity::kHigh},
                                                       {"critical", Severity::kCritical}};
constexpr std::span<const json::Name<Severity>> json_names(Severity) { return kSeverities; }

inline constexpr json::Name<Response> kResponses[] = {{"alert", Response::kAlert},
                                                      {"deny", Response::kDeny},
                                                      {"freeze", Response::kFreeze},
                                                      {"isolate", Response::kIsolate},
                                                      {"killProcess", Response::kKillProcess},
                                                      {"killContainer", Response::kKillContainer}};
constexpr std::span<const json::Name<Response>> json_names(Response) { return kResponses; }

inline constexpr json::Name<Mechanism> kMechanisms[] = {{"bpfLsm", Mechanism::kBpfLsm},
                                                        {"fanotify", Mechanism::kFanotify},
                                                        {"cgroupBpf", Mechanism::kCgroupBpf},
                                                        {"nftables", Mechanism::kNftables},
                                                        {"tracing", Mechanism::kTracing}};
constexpr std::span<const json::Name<Mechanism>> json_names(Mechanism) { return kMechanisms; }

inline constexpr json::Name<Protocol> kProtocols[] = {
    {"any", Protocol::kAny}, {"tcp", Protocol::kTcp}, {"udp", Protocol::kUdp}};
constexpr std::span<const json::Name<Protocol>> json_names(Protocol) { return kProtocols; }

inline std::string parse_short(std::string_view text, ProgramRule& rule) {
  if (text == "image")
    rule.image = true;
  else if (text.starts_with('/'))
    rule.path = text;
  else
    return "expected \"image\", an absolute path or an object";
  return {};
}
inline std::string short_text(const ProgramRule& rule) {
  if (rule == ProgramRule{.image = true}) return "image";
  return rule == ProgramRule{.path = rule.path} ? rule.path : std::string();
}

template <class V>
void describe(V& v, ProgramRule& r) {
  v.field("image", r.image);
  v.field("path", r.path);
  v.field("sha256", r.sha256);
  v.field("parent", r.parent);
}

template <class V>
void describe(V& v, ExecControlPlan& e) {
  v.required("mechanism", e.mechanism);
  v.field("libraries", e.libraries);
  v.field("allow", e.allow);
  v.field("drift", e.drift);
  v.field("other", e.other);
}

template <class V>
void describe(V& v, IntegrityPlan& i) {
  v.required("mechanism", i.mechanism);
  v.field("watch", i.watch);
  v.field("manifest", i.manifest);
  v.required("onViolation", i.on_violation);
}

template <class V>
void describe(V& v, PortRange& r) {
  v.always("first", r.first);
  v.always("last", r.last);
  v.check(r.first <= r.last, "first", "above the last port");
}

template <class V>
void describe(V& v, NetworkRule& r) {
  v.field("cidr", r.cidr);
  v.required("protocol", r.protocol);
  v.required("ports", r.ports);
}

template <class V>
void describe(V& v, NetworkPlan& n) {
  v.required("mechanism", n.mechanism);
  v.field("egress", n.egress);
  v.field("ingress", n.ingress);
  v.field("rawSockets", n.raw_sockets);
  v.field("ownLoopback", n.own_loopback);
  v.field("recordAllowed", n.record_allowed);
  v.required("onViolation", n.on_violation);
}

template <class V>
void describe(V& v, NotifyRule& r) {
  v.required("call", r.call);
  v.required("answer", r.answer);
}

template <class V>
void describe(V& v, ResponseRule& r) {
  v.required("at", r.at);
  v.required("action", r.action);
  v.field("releaseAfter", r.release_after);
}

template <class V>
void describe(V& v, SupervisionPlan& s) {
  v.field("exec", s.exec);
  v.field("integrity", s.integrity);
  v.field("network", s.network);
  v.field("notify", s.notify);
  v.field("respond", s.respond);
  v.required("onLoss", s.on_loss);
}

}  // namespace holdfast
