// plan diff: where the plans of two containers, or of a container and a bundle, differ.
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/kernel/probe.h"
#include "shim/ctl/containers.h"
#include "shim/ctl/json_answer.h"
#include "shim/ctl/json_diff.h"
#include "shim/ctl/table.h"
#include "shim/ctl/verb.h"
#include "shim/oci/bundle.h"
#include "shim/oci/load_policy.h"
#include "shim/oci/request_facts.h"

namespace holdfast::ctl {
namespace {

constexpr size_t kMaxPlan = 16 << 20;

// What a bundle would get now.
Result<Plan> plan_of_bundle(const std::string& path) {
  HF_TRY(const HostFacts facts, probe_host());
  HF_TRY(const Bundle bundle, open_bundle(path, "config.json"));
  HF_TRY(const Policy policy,
         load_policy(facts, subject_of(bundle.spec, facts, parent_of(bundle.path))));
  Request request = request_for(bundle, bundle.path.substr(bundle.path.rfind('/') + 1),
                                facts.euid != 0 || facts.in_user_namespace);
  add_label_facts(bundle.spec, facts, request);
  add_policy_facts(bundle.spec, policy, request);
  HF_TRY(Examined examined, examine(request, bundle.spec, policy, facts));
  return std::move(examined.resolved.plan);
}

Result<Plan> plan_of(const std::string& what, const std::string& root) {
  struct stat info {};
  const bool there = ::stat(what.c_str(), &info) == 0;
  if (there && S_ISDIR(info.st_mode)) return plan_of_bundle(what);
  if (there) {
    HF_TRY(const std::string text, read_file(what, kMaxPlan));
    return with_context(decode_plan(text), "{}", what);
  }
  HF_TRY(const Found found, find_container(what, root));
  return found.dir.load_plan();
}

Result<int> run(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  const std::string& left = args.operands()[0];
  const std::string& right = args.operands()[1];
  HF_TRY(const Plan a, plan_of(left, args.text("root")));
  HF_TRY(const Plan b, plan_of(right, args.text("root")));
  HF_TRY(const json::Document one, json::Document::parse(encode_plan(a)));
  HF_TRY(const json::Document other, json::Document::parse(encode_plan(b)));
  JsonAnswer answer;
  Table table({{"", 40}, {left, 44}, {right, 0}});
  answer.text("left", left);
  answer.text("right", right);
  answer.begin_list("differences");
  const std::vector<Difference> found = differences(one.root(), other.root());
  for (const Difference& each : found) {
    table.add({{each.path, Colour::kBold}, {each.left}, {each.right}});
    answer.begin_item();
    answer.text("path", each.path);
    answer.text("left", each.left);
    answer.text("right", each.right);
    answer.end_item();
  }
  answer.end_list();
  const std::string text =
      found.empty() ? "no difference\n" : table.text(terminal_of(STDOUT_FILENO));
  HF_DO(print(format == Format::kJson ? std::move(answer).take() : text));
  return found.empty() ? 0 : 1;
}

constexpr Flag kFlags[] = {kRootFlag, kFormatFlag};

}  // namespace

const CtlVerb kPlanDiffVerb = {
    {.name = "plan diff",
     .operands = "A B",
     .summary = "where two plans differ: of containers, bundles or plan.json files",
     .example = "holdfastctl plan diff 3f2a ./bundle\n"
                "  exit status: 0 nowhere, 1 they differ, 2 the question is wrong",
     .flags = kFlags,
     .min_operands = 2,
     .max_operands = 2},
    run,
    2};

}  // namespace holdfast::ctl
