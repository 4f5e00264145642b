// verify: what the kernel shows of a running container, against its plan and against what was attested
// when it was made.
#include <unistd.h>

#include <algorithm>

#include "core/base/digest.h"
#include "sandbox/kernel/verify.h"
#include "shim/ctl/containers.h"
#include "shim/ctl/json_answer.h"
#include "shim/ctl/table.h"
#include "shim/ctl/verb.h"

namespace holdfast::ctl {
namespace {

struct Item {
  std::string name;
  Finding finding = Finding::kHolds;
  std::string detail;
};

struct Verified {
  std::string id, status;
  std::optional<Attestation> attestation;
  std::vector<Item> items;

  bool holds() const {
    return std::none_of(items.begin(), items.end(),
                        [](const Item& each) { return each.finding == Finding::kDiffers; });
  }
  void add(std::string name, const Result<>& looked) {
    items.push_back({std::move(name), looked ? Finding::kHolds : Finding::kDiffers,
                     looked ? "" : looked.error().message});
  }
};

std::string_view result_name(Finding finding) {
  switch (finding) {
    case Finding::kHolds:
      return "holds";
    case Finding::kReported:
      return "attested";
    case Finding::kUnseen:
      return "unseen";
    case Finding::kDiffers:
      break;
  }
  return "differs";
}

Result<> check_attestation(const ContainerState& state) {
  if (!state.attestation) return error("there is none: the container is of an older release");
  if (state.attestation->plan_digest != state.plan_digest) return error("it is of another plan");
  return {};
}

Result<> check_plan(const ContainerState& state, const std::string& document) {
  if (sha256_hex(document) == state.plan_digest) return {};
  return error("plan.json is not what was applied");
}

// What the process reported at its start.
uint32_t self_checked(const std::optional<Attestation>& attestation) {
  if (!attestation) return ~0U;  // told as a row of its own
  const auto has = [&](std::string_view item) {
    return std::find(attestation->reported.begin(), attestation->reported.end(), item) !=
           attestation->reported.end();
  };
  return (has("landlock") ? kLandlockEntered : 0U) | (has("mdwe") ? kMdweSet : 0U) |
         (has("appArmor") ? kAppArmorOnExec : 0U);
}

Result<> examine(Verified& verified, const ContainerState& state, const Plan& plan, Status status) {
  // It stays this process, whatever becomes of its pid.
  HF_TRY(const Fd process, open_process(state.init));
  const Examinee subject{
      .pid = state.init.pid,
      .plan = plan,
      .process = plan.process,
      .cgroups = &state.cgroups,
      .filters_before = state.attestation ? state.attestation->filters_before : 0,
      .self_checked = self_checked(state.attestation),
      .moment = status == Status::kCreated ? Moment::kParked : Moment::kRunning,
      .namespaces = state.attestation ? &state.attestation->namespaces : nullptr};
  HF_TRY(Findings found, examine_process(subject));
  HF_TRY(Findings places, examine_places(subject));
  found.append(std::move(places));
  if (!alive(state.init)) return error("the container ended meanwhile");
  for (const Findings::Entry& each : found.entries())
    verified.items.push_back({std::string(each.item), each.finding, each.detail});
  return {};
}

Result<Verified> verify(const Found& container) {
  HF_TRY(const ContainerState state, container.load());
  if (!state.complete) return error("container {} is being created, or its creator died", state.id);
  HF_TRY(const std::string document, container.load_plan_document());
  HF_TRY(const Plan plan, with_context(decode_plan(document), "plan of {}", state.id));
  HF_TRY(const Status status, container.dir.status(state));
  Verified verified{.id = state.id,
                    .status = std::string(status_name(status)),
                    .attestation = state.attestation,
                    .items = {}};
  verified.add("attestation", check_attestation(state));
  verified.add("plan", check_plan(state, document));
  verified.add("filters", container.load_filters(plan).map([](auto&&) {}));
  if (status == Status::kStopped) return verified;
  HF_DO(examine(verified, state, plan, status));
  return verified;
}

std::string table_text(const Verified& verified) {
  std::string text =
      fmt::format("container {}    status {}", printable(verified.id), verified.status);
  if (const auto& made = verified.attestation)
    text += fmt::format("    plan sha256:{}    verified at its start {} on {}",
                        printable(made->plan_digest.substr(0, 12)),
                        printable(made->time.substr(0, 19)), printable(made->kernel));
  text += "\n";
  Table table({{"item", 20}, {"result", 8}, {"detail", 0}});
  for (const Item& each : verified.items) {
    const Colour colour = each.finding == Finding::kDiffers  ? Colour::kRed
                          : each.finding == Finding::kUnseen ? Colour::kYellow
                                                             : Colour::kGreen;
    table.add({{each.name, Colour::kBold},
               {std::string(result_name(each.finding)), colour},
               {each.detail, Colour::kNone}});
  }
  text += table.text(terminal_of(STDOUT_FILENO));
  if (verified.status == "stopped")
    return text + "the container has stopped: nothing else to look at\n";
  return text +
         "attested: not to be seen from outside; the process proved it before its program began\n";
}

std::string json_text(const Verified& verified) {
  JsonAnswer answer;
  answer.text("id", verified.id);
  answer.text("status", verified.status);
  answer.flag("holds", verified.holds());
  answer.begin_list("items");
  for (const Item& each : verified.items) {
    answer.begin_item();
    answer.text("item", each.name);
    answer.text("result", result_name(each.finding));
    answer.text_if_any("detail", each.detail);
    answer.end_item();
  }
  answer.end_list();
  if (const auto& made = verified.attestation) {
    answer.begin_object("attestation");
    answer.text("time", made->time);
    answer.text("planDigest", made->plan_digest);
    answer.text("kernel", made->kernel);
    answer.number("landlockAbi", made->landlock_abi);
    answer.begin_list("verified");
    for (const std::string& each : made->verified) answer.element(each);
    answer.end_list();
    answer.begin_list("reported");
    for (const std::string& each : made->reported) answer.element(each);
    answer.end_list();
    answer.begin_list("unseen");
    for (const std::string& each : made->unseen) answer.element(each);
    answer.end_list();
    answer.end_object();
  }
  return std::move(answer).take();
}

Result<int> run(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  HF_TRY(const Found found, find_container(args.operands()[0], args.text("root")));
  HF_TRY(const Verified verified, verify(found));
  HF_DO(print(format == Format::kJson ? json_text(verified) : table_text(verified)));
  return verified.holds() ? 0 : 2;
}

constexpr Flag kFlags[] = {kRootFlag, kFormatFlag};

}  // namespace

const CtlVerb kVerifyVerb = {
    {.name = "verify",
     .operands = "ID|NAME",
     .summary = "whether the kernel still shows what was planned for a container",
     .example = "holdfastctl verify 3f2a && echo as planned",
     .flags = kFlags,
     .min_operands = 1,
     .max_operands = 1},
    run};

}  // namespace holdfast::ctl
