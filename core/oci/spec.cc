#include "core/oci/spec.h"

#include <linux/sched.h>

#include "core/oci/describe/spec.h"

namespace holdfast::oci {

Result<Spec> decode_spec(std::string_view text) { return json::decode<Spec>(text); }
Result<Process> decode_process(std::string_view text) { return json::decode<Process>(text); }
Result<Resources> decode_resources(std::string_view text) { return json::decode<Resources>(text); }
Result<State> decode_state(std::string_view text) { return json::decode<State>(text); }

std::string encode_spec(const Spec& spec, json::Layout layout) {
  return json::encode(spec, layout);
}
std::string encode_process(const Process& process) { return json::encode(process); }
std::string encode_resources(const Resources& resources) { return json::encode(resources); }
std::string encode_state(const State& state, json::Layout layout) {
  return json::encode(state, layout);
}

std::string_view spec_name(NamespaceType type) {
  for (const auto& each : json_names(type))
    if (each.value == type) return each.name;
  return "";
}

std::string_view proc_name(NamespaceType type) {
  if (type == NamespaceType::kNetwork) return "net";
  if (type == NamespaceType::kMount) return "mnt";
  return spec_name(type);
}

uint64_t clone_flag(NamespaceType type) {
  switch (type) {
    case NamespaceType::kPid:
      return CLONE_NEWPID;
    case NamespaceType::kNetwork:
      return CLONE_NEWNET;
    case NamespaceType::kMount:
      return CLONE_NEWNS;
    case NamespaceType::kIpc:
      return CLONE_NEWIPC;
    case NamespaceType::kUts:
      return CLONE_NEWUTS;
    case NamespaceType::kUser:
      return CLONE_NEWUSER;
    case NamespaceType::kCgroup:
      return CLONE_NEWCGROUP;
    case NamespaceType::kTime:
      return CLONE_NEWTIME;
  }
  return 0;
}

}  // namespace holdfast::oci
