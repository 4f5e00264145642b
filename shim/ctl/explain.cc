// explain: what a container asked for, what was applied and why; of a container that exists, as it
// was applied, or of a bundle, as it would be now.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "sandbox/kernel/probe.h"
#include "shim/ctl/containers.h"
#include "shim/ctl/json_answer.h"
#include "shim/ctl/table.h"
#include "shim/ctl/verb.h"
#include "shim/oci/bundle.h"
#include "shim/oci/load_policy.h"
#include "shim/oci/request_facts.h"
#include "shim/oci/user_namespace_facts.h"

namespace holdfast::ctl {
namespace {

struct Explained {
  Plan plan;
  std::string engine, name;  // where an engine calls it so
  std::string digest;        // empty where nothing was or would be applied
  bool refused = false;
  std::string note;
};

struct Mark {
  std::string_view sign, name;
  Colour colour;
};

Mark mark_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kKept:
      return {"=", "kept", Colour::kNone};
    case Outcome::kTightened:
      return {"~", "tightened", Colour::kGreen};
    case Outcome::kRefused:
      return {"x", "refused", Colour::kRed};
    case Outcome::kNotPossible:
      return {"!", "notPossible", Colour::kYellow};
    case Outcome::kWarned:
      return {"w", "warned", Colour::kYellow};
  }
  return {"?", "unknown", Colour::kRed};
}

std::string_view mode_name(Mode mode) {
  switch (mode) {
    case Mode::kEnforce:
      return "enforce";
    case Mode::kWarn:
      return "warn";
    case Mode::kAudit:
      return "audit";
    case Mode::kOff:
      return "off";
  }
  return "";
}

// "the policy changed since": exec takes the stricter of both, the running processes keep theirs.
std::string changes_since(const Plan& plan) {
  const auto facts = probe_host();
  if (!facts) return "whether the policy changed since is not known: " + facts.error().message;
  const auto now = load_policy(*facts, subject_of(plan));
  if (!now) return "the policy of now cannot be read: " + now.error().message;
  const bool same = now->mode == plan.mode && now->source == plan.policy_source &&
                    (plan.mode == Mode::kOff || now->profile.name == plan.profile);
  if (same) return "";
  return fmt::format("the policy changed since (now {}, profile {}, mode {}): exec obeys both",
                     now->source, now->profile.name, mode_name(now->mode));
}

Result<Explained> explain_container(const std::string& id, const std::string& root) {
  HF_TRY(const Found found, find_container(id, root));
  Explained explained;
  explained.engine = found.engine;
  if (!found.names.empty()) explained.name = found.names[0];
  HF_TRY(explained.plan, found.load_plan());
  HF_TRY(const ContainerState state, found.load());
  explained.digest = state.plan_digest;
  explained.note = changes_since(explained.plan);
  return explained;
}

Result<Explained> explain_bundle(const std::string& path) {
  HF_TRY(const HostFacts facts, probe_host());
  HF_TRY(const Bundle bundle, open_bundle(path, "config.json"));
  HF_TRY(const Policy policy,
         load_policy(facts, subject_of(bundle.spec, facts, parent_of(bundle.path))));
  Request request = request_for(bundle, bundle.path.substr(bundle.path.rfind('/') + 1),
                                facts.euid != 0 || facts.in_user_namespace);
  add_policy_facts(bundle.spec, policy, request);
  add_user_namespace_facts(bundle.spec, policy, facts, request);
  add_label_facts(bundle.spec, facts, request);
  HF_TRY(Examined examined, examine(request, bundle.spec, policy, facts));
  Explained explained;
  explained.refused = examined.refusal.has_value();
  if (explained.refused) explained.note = examined.refusal->message;
  explained.plan = std::move(examined.resolved.plan);
  return explained;
}

// What the policy's selectors were compared with: (name, fact) for each that the engine told.
std::vector<std::pair<std::string_view, std::string_view>> facts_of(const ContainerIdentity& id) {
  std::vector<std::pair<std::string_view, std::string_view>> facts{
      {"engine", id.engine},  {"namespace", id.pod_namespace},
      {"pod", id.pod},        {"container", id.container},
      {"image", id.image},    {"imageDigest", id.image_digest},
      {"handler", id.handler}};
  std::erase_if(facts, [](const auto& each) { return each.second.empty(); });
  return facts;
}

std::string identity_text(const ContainerIdentity& identity) {
  std::string text;
  for (const auto& [name, fact] : facts_of(identity)) {
    const auto& doubtful = identity.doubtful;
    const bool doubt = std::find(doubtful.begin(), doubtful.end(), name) != doubtful.end();
    text += fmt::format("    {} {}{}", name, printable(fact), doubt ? " (not sure)" : "");
  }
  return text.empty() ? "" : "chosen by" + text + "\n";
}

std::string table_text(const Explained& explained, const Terminal& terminal) {
  const Plan& plan = explained.plan;
  std::string text;
  if (!explained.name.empty() || !explained.engine.empty())
    text = fmt::format("{}    {}    {}\n", printable(plan.id.substr(0, 12)),
                       printable(explained.name), printable(explained.engine));
  text += fmt::format("policy  {}    profile {}    mode {}", printable(plan.policy_source),
                      printable(plan.profile), mode_name(plan.mode));
  if (!explained.digest.empty())
    text += fmt::format("    plan sha256:{}", printable(explained.digest.substr(0, 12)));
  text += "\n" + identity_text(plan.identity);
  Table table({{"", 1}, {"control", 22}, {"asked", 30}, {"applied", 30}, {"why", 0}});
  for (const Decision& decision : plan.decisions) {
    const Mark mark = mark_of(decision.outcome);
    std::string why = decision.rule;
    if (!why.empty() && !decision.why.empty()) why += ": ";
    why += decision.why;
    table.add({{std::string(mark.sign), mark.colour},
               {decision.control, Colour::kBold},
               {decision.asked, Colour::kNone},
               {decision.applied, mark.colour},
               {why, Colour::kNone}});
  }
  text += table.text(terminal);
  text += "= kept  ~ tightened  x refused  ! not possible on this host  w applied with a warning\n";
  if (!explained.note.empty())
    text += coloured(printable(explained.note), Colour::kYellow, terminal) + "\n";
  return text;
}

std::string json_text(const Explained& explained) {
  const Plan& plan = explained.plan;
  JsonAnswer answer;
  answer.text_if_any("id", plan.id);
  answer.text_if_any("name", explained.name);
  answer.text_if_any("engine", explained.engine);
  answer.text_if_any("bundle", plan.bundle);
  answer.text_if_any("policy", plan.policy_source);
  answer.text_if_any("profile", plan.profile);
  answer.text_if_any("mode", mode_name(plan.mode));
  answer.text_if_any("planDigest", explained.digest);
  answer.begin_object("chosenBy");
  for (const auto& [name, fact] : facts_of(plan.identity)) answer.text(name, fact);
  answer.end_object();
  answer.flag("refused", explained.refused);
  answer.text_if_any("note", explained.note);
  answer.begin_list("decisions");
  for (const Decision& decision : plan.decisions) {
    answer.begin_item();
    answer.text("control", decision.control);
    answer.text("asked", decision.asked);
    answer.text("applied", decision.applied);
    answer.text("outcome", mark_of(decision.outcome).name);
    answer.text_if_any("rule", decision.rule);
    answer.text_if_any("why", decision.why);
    answer.end_item();
  }
  answer.end_list();
  return std::move(answer).take();
}

// A bundle is a directory with a config.json; anything else is an id.
bool is_bundle(const std::string& text) {
  struct stat info {};
  return ::stat((text + "/config.json").c_str(), &info) == 0;
}

Result<int> run(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  const std::string& what = args.operands()[0];
  HF_TRY(const Explained explained, !args.given("root") && is_bundle(what)
                                        ? explain_bundle(what)
                                        : explain_container(what, args.text("root")));
  HF_DO(print(format == Format::kJson ? json_text(explained)
                                      : table_text(explained, terminal_of(STDOUT_FILENO))));
  return explained.refused ? 2 : 0;
}

constexpr Flag kFlags[] = {kRootFlag, kFormatFlag};

}  // namespace

const CtlVerb kExplainVerb = {
    {.name = "explain",
     .operands = "CONTAINER|BUNDLE",
     .summary = "what a container asked for, what was applied and why",
     .example = "holdfastctl explain 3f2a       holdfastctl explain /run/my-bundle --format json",
     .flags = kFlags,
     .min_operands = 1,
     .max_operands = 1},
    run};

}  // namespace holdfast::ctl
