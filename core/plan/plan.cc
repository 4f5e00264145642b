#include "core/plan/plan.h"

#include "core/plan/describe.h"

namespace holdfast {

std::string encode_plan(const Plan& plan) { return json::encode(plan); }
Result<Plan> decode_plan(std::string_view text) { return json::decode<Plan>(text); }
std::string encode_process_plan(const ProcessPlan& process) { return json::encode(process); }
Result<ProcessPlan> decode_process_plan(std::string_view text) {
  return json::decode<ProcessPlan>(text);
}

const oci::Namespace* find_namespace(const Plan& plan, oci::NamespaceType type) {
  for (const auto& each : plan.namespaces)
    if (each.type == type) return &each;
  return nullptr;
}

}  // namespace holdfast
