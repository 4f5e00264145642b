// doctor: what this host can enforce, tried and not guessed, and whether the policy is readable.
#include <unistd.h>

#include "sandbox/kernel/probe.h"
#include "sandbox/launch/id_ranges.h"
#include "shim/ctl/json_answer.h"
#include "shim/ctl/table.h"
#include "shim/ctl/verb.h"
#include "shim/oci/load_policy.h"

namespace holdfast::ctl {
namespace {

HostCheck policy_check(const HostFacts& facts) {
  const auto sets = load_policy_sets(facts);
  if (!sets) return {"policy", false, sets.error().message};
  const oci::StringMap none;
  const Policy policy = choose_policy(*sets, {{}, none});
  return {"policy", true,
          fmt::format("{}, profile {}, {} rules, {} exceptions", policy.source, policy.profile.name,
                      sets->node.rules.size(), sets->node.exceptions.size())};
}

// Of the ids for containers' user namespaces; what nobody has claimed yet has no directory either.
HostCheck ids_check() {
  const auto pool = host_id_pool();
  if (!pool) return {"ids for user namespaces", false, pool.error().message};
  size_t held = 0;
  if (const auto ranges = IdRanges::look(kIdRangesDirectory)) {
    if (const auto all = ranges->held()) held = all->size();
  }
  return {"ids for user namespaces", true,
          fmt::format("{}: {} of {} ranges taken", pool->text(), held, pool->ranges())};
}

std::vector<HostCheck> all_checks(const HostFacts& facts) {
  std::vector<HostCheck> checks;
  checks.push_back(policy_check(facts));
  if (facts.euid == 0 && !facts.in_user_namespace) checks.push_back(ids_check());
  for (HostCheck& check : examine_host()) checks.push_back(std::move(check));
  return checks;
}

std::string table_text(const std::vector<HostCheck>& checks) {
  Table table({{"", 3}, {"facility", 34}, {"detail", 0}});
  for (const HostCheck& check : checks)
    table.add({{check.usable ? "yes" : "no", check.usable ? Colour::kGreen : Colour::kYellow},
               {check.name, Colour::kBold},
               {check.detail, Colour::kNone}});
  return table.text(terminal_of(STDOUT_FILENO));
}

std::string json_text(const std::vector<HostCheck>& checks) {
  JsonAnswer answer;
  answer.begin_list("checks");
  for (const HostCheck& check : checks) {
    answer.begin_item();
    answer.text("name", check.name);
    answer.flag("usable", check.usable);
    answer.text("detail", check.detail);
    answer.end_item();
  }
  answer.end_list();
  return std::move(answer).take();
}

// Whether containers can be made here at all; what is merely missing is told and no failure.
bool is_healthy(const HostFacts& facts) {
  return load_policy_sets(facts).has_value() && facts.cgroup != HostFacts::Cgroup::kNone;
}

Result<int> run(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  HF_TRY(const HostFacts facts, probe_host());
  const std::vector<HostCheck> checks = all_checks(facts);
  HF_DO(print(format == Format::kJson ? json_text(checks) : table_text(checks)));
  return is_healthy(facts) ? 0 : 1;
}

constexpr Flag kFlags[] = {kFormatFlag};

}  // namespace

const CtlVerb kDoctorVerb = {{.name = "doctor",
                              .operands = "",
                              .summary = "what this host can enforce",
                              .example = "holdfastctl doctor",
                              .flags = kFlags},
                             run};

}  // namespace holdfast::ctl
