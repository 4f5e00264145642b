// policy: whether the node's files are sound, what they say, what they decide for a container, and what
// another directory of them would change.
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "profiles/policy/lint.h"
#include "profiles/policy/policy_json.h"
#include "profiles/policy/profile_json.h"
#include "profiles/policy/resolve.h"
#include "sandbox/kernel/probe.h"
#include "shim/ctl/json_answer.h"
#include "shim/ctl/json_diff.h"
#include "shim/ctl/policy_source.h"
#include "shim/ctl/table.h"
#include "shim/ctl/verb.h"
#include "shim/oci/bundle.h"
#include "shim/oci/request_facts.h"

namespace holdfast::ctl {
namespace {

Date today() { return date_of(wall_clock().tv_sec); }

std::string_view mode_text(const std::optional<Mode>& mode) {
  if (!mode) return "";
  for (const auto& each : json_names(Mode{}))
    if (each.value == *mode) return each.name;
  return "";
}

// ---- lint ----

Result<int> lint(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  const std::string directory = args.operands().empty() ? kNodeDirectory : args.operands()[0];
  HF_TRY(const PolicySet set, policy_from(directory));
  const std::vector<Warning> warnings = lint_policy(set, today());
  JsonAnswer answer;
  std::string text;
  answer.number("files", set.files.size());
  answer.begin_list("warnings");
  for (const Warning& each : warnings) {
    text += fmt::format("{}: {}\n", printable(each.source), printable(each.what));
    answer.begin_item();
    answer.text("source", each.source);
    answer.text("what", each.what);
    answer.end_item();
  }
  answer.end_list();
  text += fmt::format("{} files, no errors, {} warnings\n", set.files.size(), warnings.size());
  HF_DO(print(format == Format::kJson ? std::move(answer).take() : text));
  return 0;
}

// ---- show ----

// As the document of a file, without the places: what is compared and shown.
std::string set_json(const PolicySet& set, json::Layout layout) {
  PolicyFile file;
  file.api_version = kApiVersion;
  file.fallback = set.fallback;
  file.rules = set.rules;
  file.exceptions = set.exceptions;
  file.trusted_annotations = set.trusted_annotations;
  file.audit = set.audit;
  return json::encode(file, layout);
}

std::string match_text(const Match& match) {
  auto document = json::Document::parse(json::encode(match));
  if (!document) return "";
  std::string text;
  for (const json::Value each : document->root().children())
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", each.key(), plain_text(each));
  return text.empty() ? "every container" : text;
}

Result<int> show(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  HF_TRY(const PolicySet set, policy_of(args));
  if (format == Format::kJson) {
    HF_DO(print(set_json(set, json::Layout::kPretty) + "\n"));
    return 0;
  }
  const Terminal terminal = terminal_of(STDOUT_FILENO);
  Table rules({{"rule", 44}, {"match", 50}, {"profile", 16}, {"mode", 8}, {"deny", 0}});
  const auto add = [&](const Choice& choice, const std::string& match) {
    rules.add({{choice.source},
               {match},
               {choice.profile.value_or("")},
               {std::string(mode_text(choice.mode))},
               {join(choice.deny, ", ")}});
  };
  for (const SelectRule& each : set.rules) add(each.choice, match_text(each.match));
  Choice fallback = set.fallback.value_or(Choice{});
  if (fallback.source.empty()) fallback.source = "built in";
  if (!fallback.profile) fallback.profile = "baseline";
  if (!fallback.mode) fallback.mode = Mode::kEnforce;
  add(fallback, "default");
  std::string text = rules.text(terminal);
  if (!set.exceptions.empty()) {
    Table exceptions(
        {{"exception", 20}, {"match", 40}, {"allow", 36}, {"expires", 10}, {"reason", 0}});
    for (const Exception& each : set.exceptions) {
      const bool over = each.expires && *each.expires < today();
      exceptions.add({{each.name, Colour::kBold},
                      {match_text(each.match)},
                      {join(each.allow, ", ")},
                      {each.expires ? scalar_text(*each.expires) : "never",
                       over ? Colour::kYellow : Colour::kNone},
                      {each.reason}});
    }
    text += "\n" + exceptions.text(terminal);
  }
  HF_DO(print(text));
  return 0;
}

// ---- test ----

constexpr Flag kTestFlags[] = {
    {"engine", 0, FlagKind::kText, "NAME", "docker, kubernetes, containerd or podman"},
    {"namespace", 'n', FlagKind::kText, "NAME", "the namespace of Kubernetes"},
    {"pod", 0, FlagKind::kText, "NAME", "the pod"},
    {"container", 'c', FlagKind::kText, "NAME", "the container in its pod"},
    {"image", 'i', FlagKind::kText, "NAME", "the image, NAME[@sha256:DIGEST]"},
    {"user", 'u', FlagKind::kText, "UID", "on whose behalf holdfast runs"},
    {"handler", 0, FlagKind::kText, "NAME", "the engine's name for this runtime"},
    {"annotation", 'a', FlagKind::kList, "KEY=VALUE", "an annotation of the container's"},
    {"date", 'd', FlagKind::kText, "YYYY-MM-DD", "as on this day (default: today)"},
    kPolicyFlag,
    kFormatFlag,
};

struct Question {
  ContainerIdentity identity;
  oci::StringMap annotations;
  Date day;
};

Result<Question> question_of(const Arguments& args) {
  Question q;
  q.identity.engine = args.text("engine");
  q.identity.pod_namespace = args.text("namespace");
  q.identity.pod = args.text("pod");
  q.identity.container = args.text("container");
  q.identity.image = args.text("image");
  q.identity.handler = args.text("handler");
  if (const size_t at = q.identity.image.find('@'); at != std::string::npos) {
    q.identity.image_digest = q.identity.image.substr(at + 1);
    q.identity.image.resize(at);
  }
  HF_TRY(q.identity.user, args.number<uint32_t>("user", 0));
  for (const std::string& each : args.list("annotation")) {
    const size_t equal = each.find('=');
    if (equal == std::string::npos) return error("--annotation: expected KEY=VALUE");
    q.annotations[each.substr(0, equal)] = each.substr(equal + 1);
  }
  q.day = today();
  if (args.given("date"))
    if (const std::string why = parse_scalar(args.text("date"), q.day); !why.empty())
      return error("--date: {}", why);
  return q;
}

// What would become of the bundle, or nothing where it would start.
Result<std::string> refusal_of(const std::string& path, const Policy& policy) {
  HF_TRY(const HostFacts facts, probe_host());
  HF_TRY(const Bundle bundle, open_bundle(path, "config.json"));
  Request request = request_for(bundle, "tested", facts.euid != 0 || facts.in_user_namespace);
  add_label_facts(bundle.spec, facts, request);
  add_policy_facts(bundle.spec, policy, request);
  HF_TRY(const Examined examined, examine(request, bundle.spec, policy, facts));
  return examined.refusal ? examined.refusal->message : "";
}

Result<int> test(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  HF_TRY(const PolicySet set, policy_of(args));
  HF_TRY(const Question q, question_of(args));
  const Policy policy = choose(set, {q.identity, q.annotations, q.day});
  std::string refusal;
  const bool tried = !args.operands().empty();
  if (tried) {
    HF_TRY(refusal, refusal_of(args.operands()[0], policy));
  }
  JsonAnswer answer;
  answer.text("policy", policy.source);
  answer.text("profile", policy.profile.name);
  answer.text("mode", mode_text(policy.mode));
  std::string text = fmt::format("policy  {}    profile {}    mode {}\n", printable(policy.source),
                                 policy.profile.name, mode_text(policy.mode));
  answer.begin_list("grants");
  for (const Grant& each : policy.grants) {
    text += fmt::format("exception \"{}\" allows {}: {}\n", printable(each.exception), each.what,
                        printable(each.reason));
    answer.begin_item();
    answer.text("allows", each.what);
    answer.text("exception", each.exception);
    answer.text("reason", each.reason);
    answer.end_item();
  }
  answer.end_list();
  answer.begin_list("notes");
  for (const Decision& each : policy.notes) {
    const std::string note = fmt::format("{}: {}: {}", each.asked, each.applied, each.why);
    text += printable(note) + "\n";
    answer.element(note);
  }
  answer.end_list();
  if (tried) {
    answer.flag("refused", !refusal.empty());
    answer.text_if_any("refusal", refusal);
    text += refusal.empty() ? "the bundle would be started\n" : printable(refusal) + "\n";
  }
  HF_DO(print(format == Format::kJson ? std::move(answer).take() : text));
  return refusal.empty() ? 0 : 1;
}

// ---- diff ----

Result<std::vector<Difference>> compared(const std::string& prefix, const std::string& left,
                                         const std::string& right) {
  HF_TRY(const json::Document one, json::Document::parse(left));
  HF_TRY(const json::Document other, json::Document::parse(right));
  std::vector<Difference> found = differences(one.root(), other.root());
  for (Difference& each : found)
    each.path = each.path.empty() ? prefix : prefix.empty() ? each.path : prefix + " " + each.path;
  return found;
}

Result<int> diff(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  const auto& directories = args.operands();
  const std::string before = directories.size() == 2 ? directories[0] : kNodeDirectory;
  HF_TRY(const PolicySet left, policy_from(before));
  HF_TRY(const PolicySet right, policy_from(directories.back()));
  HF_TRY(std::vector<Difference> found, compared("", set_json(left, json::Layout::kCompact),
                                                 set_json(right, json::Layout::kCompact)));
  const auto profile_text = [](const PolicySet& set, const std::string& name) {
    const auto profile = set.profiles.find(name);
    return profile == set.profiles.end() ? std::string("{}") : json::encode(profile->second);
  };
  std::map<std::string, int> names;
  for (const PolicySet* set : {&left, &right})
    for (const auto& each : set->profiles) ++names[each.first];
  for (const auto& [name, count] : names) {
    HF_TRY(const auto more,
           compared("profile " + name, profile_text(left, name), profile_text(right, name)));
    found.insert(found.end(), more.begin(), more.end());
  }
  JsonAnswer answer;
  Table table({{"", 44}, {before, 44}, {directories.back(), 0}});
  answer.begin_list("differences");
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

constexpr Flag kLintFlags[] = {kFormatFlag};
constexpr Flag kShowFlags[] = {kPolicyFlag, kFormatFlag};

}  // namespace

const CtlVerb kPolicyLintVerb = {{.name = "policy lint",
                                  .operands = "[DIR]",
                                  .summary = "whether the policy's files are sound",
                                  .example = "holdfastctl policy lint ./new-policy",
                                  .flags = kLintFlags,
                                  .max_operands = 1},
                                 lint};

const CtlVerb kPolicyShowVerb = {
    {.name = "policy show",
     .operands = "",
     .summary = "the rules and exceptions, in the order of their trial",
     .example = "holdfastctl policy show",
     .flags = kShowFlags},
    show};

const CtlVerb kPolicyTestVerb = {
    {.name = "policy test",
     .operands = "[BUNDLE]",
     .summary = "which rule and exceptions hold for a container, and whether it would start",
     .example = "holdfastctl policy test --engine kubernetes -n kube-system -c cilium-agent\n"
                "  exit status: 0 it would start, 1 it would be refused, 2 the question is wrong",
     .flags = kTestFlags,
     .max_operands = 1},
    test,
    2};

const CtlVerb kPolicyDiffVerb = {
    {.name = "policy diff",
     .operands = "[DIR] DIR",
     .summary = "what another directory's policy would change",
     .example = "holdfastctl policy diff ./new-policy\n"
                "  exit status: 0 nothing, 1 something, 2 a policy is bad",
     .flags = kLintFlags,
     .min_operands = 1,
     .max_operands = 2},
    diff,
    2};

}  // namespace holdfast::ctl
