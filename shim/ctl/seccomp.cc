// seccomp test, seccomp disasm: what filters say to a call, and how they look, without a container.
#include <unistd.h>

#include "core/plan/capability_names.h"
#include "profiles/seccomp/library.h"
#include "profiles/seccomp/sets.h"
#include "shim/ctl/call_syntax.h"
#include "shim/ctl/disassemble.h"
#include "shim/ctl/json_answer.h"
#include "shim/ctl/seccomp_subject.h"
#include "shim/ctl/table.h"
#include "shim/ctl/verb.h"
#include "shim/ctl/verdicts.h"

namespace holdfast::ctl {
namespace {

constexpr uint32_t kX32Bit = 0x40000000;

// What a question is about: the architecture, x32 being x86_64 with a bit in the number.
struct Target {
  uint32_t arch = 0;
  bool x32 = false;
};

Result<Target> target_of(const Arguments& args) {
  if (!args.given("arch")) return Target{native_arch(), false};
  const std::string name = args.text("arch");
  if (name == "x32") return Target{*arch_of("x86_64"), true};
  const auto arch = arch_of(name);
  if (!arch) return error("--arch: unknown architecture \"{}\"", name);
  return Target{*arch, false};
}

Result<SubjectOptions> options_of(const Arguments& args, const Target& target) {
  SubjectOptions options;
  options.root = args.text("root");
  options.arch = args.given("arch") ? target.arch : 0;
  options.capabilities = usual_capabilities();
  for (const std::string& name : args.list("cap")) {
    const auto number = capability_number(name);
    if (!number) return error("--cap: unknown capability \"{}\"", name);
    options.capabilities |= uint64_t{1} << *number;
  }
  return options;
}

struct Question {
  std::string text;  // as it was asked
  SystemCall call;
};

Result<Question> question_of(const std::string& text, const Target& target) {
  HF_TRY(const CallText written, parse_call(text));
  Question question{text, {.arch = target.arch, .nr = 0, .args = written.args}};
  if (target.x32) {
    const auto number = seccomp::call_number(*seccomp::architecture("SCMP_ARCH_X32"), written.name);
    HF_TRY(const int32_t plain, number ? Result<int32_t>(static_cast<int32_t>(*number))
                                       : call_of(target.arch, written.name));
    question.call.nr = static_cast<int32_t>(static_cast<uint32_t>(plain) | kX32Bit);
    return question;
  }
  HF_TRY(question.call.nr, call_of(target.arch, written.name));
  return question;
}

// A set asks for each of its calls that the architecture has.
Result<std::vector<Question>> questions_of(const std::string& text, const Target& target) {
  std::vector<Question> all;
  if (!text.starts_with('@')) {
    HF_TRY(Question one, question_of(text, target));
    all.push_back(std::move(one));
    return all;
  }
  const auto calls = syscall_set(text);
  if (calls.empty()) return error("no set is called {}: try 'holdfastctl seccomp sets'", text);
  for (const std::string_view call : calls)
    if (auto one = question_of(std::string(call), target)) all.push_back(std::move(*one));
  if (all.empty()) return error("{} has none of the calls of {}", arch_text(target.arch), text);
  return all;
}

struct Answered {
  Question question;
  std::vector<uint32_t> actions;  // of each filter
  Judgement result;
};

Result<std::vector<Answered>> ask(const SeccompSubject& subject, const Arguments& args,
                                  const Target& target) {
  std::vector<Answered> all;
  for (size_t i = 1; i < args.operands().size(); ++i) {
    HF_TRY(std::vector<Question> questions, questions_of(args.operands()[i], target));
    for (Question& question : questions) {
      Answered answered{std::move(question), {}, {}};
      for (const Filter& filter : subject.filters)
        answered.actions.push_back(verdict(filter, answered.question.call));
      HF_TRY(answered.result, judge_call(subject.plan, subject.filters, answered.question.call,
                                         subject.removed ? &*subject.removed : nullptr));
      all.push_back(std::move(answered));
    }
  }
  return all;
}

std::string table_text(const SeccompSubject& subject, const std::vector<Answered>& all) {
  const Terminal terminal = terminal_of(STDOUT_FILENO);
  Table table({{"call", 40}, {"filter", 26}, {"answer", 24}, {"why", 0}});
  std::string remedies;
  const auto add = [&](std::string call, std::string filter, std::string answer, bool allowed,
                       std::string why) {
    table.add({{std::move(call), Colour::kBold},
               {std::move(filter)},
               {std::move(answer), allowed ? Colour::kGreen : Colour::kRed},
               {std::move(why)}});
  };
  for (const Answered& each : all) {
    std::string call = each.question.text;
    for (size_t i = 0; i < each.actions.size(); ++i) {
      add(std::move(call), subject.plan.filters[i].name, answer_text(each.actions[i]),
          allows(each.actions[i]), why(subject, i, each.question.call, each.actions[i]));
      call = "";
    }
    if (each.actions.size() != 1)
      add(std::move(call), each.actions.empty() ? "no filter" : "= the strictest",
          each.result.answer, allows(each.result.action), "");
    if (!allows(each.result.action) && !each.result.remedy.empty())
      remedies += fmt::format("{}: what would allow it: {}\n", printable(each.question.text),
                              each.result.remedy);
  }
  return printable(subject.source) + "\n" + table.text(terminal) + remedies;
}

std::string json_text(const SeccompSubject& subject, const std::vector<Answered>& all) {
  JsonAnswer answer;
  answer.text("source", subject.source);
  answer.begin_list("calls");
  for (const Answered& each : all) {
    const SystemCall& call = each.question.call;
    answer.begin_item();
    answer.text("call", each.question.text);
    answer.text("arch", arch_text(call.arch));
    answer.number("number", call.nr);
    answer.begin_list("filters");
    for (size_t i = 0; i < each.actions.size(); ++i) {
      answer.begin_item();
      answer.text("name", subject.plan.filters[i].name);
      answer.text("answer", answer_text(each.actions[i]));
      answer.flag("allowed", allows(each.actions[i]));
      answer.text_if_any("why", why(subject, i, call, each.actions[i]));
      answer.end_item();
    }
    answer.end_list();
    answer.text("answer", each.result.answer);
    answer.flag("allowed", allows(each.result.action));
    answer.text_if_any("filter", each.result.filter);
    answer.text_if_any("remedy", each.result.remedy);
    answer.end_item();
  }
  answer.end_list();
  return std::move(answer).take();
}

Result<int> test(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  HF_TRY(const Target target, target_of(args));
  HF_TRY(const SubjectOptions options, options_of(args, target));
  HF_TRY(const SeccompSubject subject, load_seccomp_subject(args.operands()[0], options));
  HF_TRY(const std::vector<Answered> all, ask(subject, args, target));
  HF_DO(print(format == Format::kJson ? json_text(subject, all) : table_text(subject, all)));
  for (const Answered& each : all)
    if (!allows(each.result.action)) return 1;
  return 0;
}

std::string listing_text(const SeccompSubject& subject) {
  std::string text = "# " + printable(subject.source) + "\n";
  for (size_t i = 0; i < subject.filters.size(); ++i) {
    text += fmt::format("# filter {} of {}, in the order of loading: {}, {} instructions\n", i + 1,
                        subject.filters.size(), printable(subject.plan.filters[i].name),
                        subject.filters[i].size());
    for (const Listed& line : disassemble(subject.filters[i])) {
      const std::string label = line.label.empty() ? "" : line.label + ":";
      text += line.comment.empty()
                  ? fmt::format("{:<6}{}\n", label, line.text)
                  : fmt::format("{:<6}{:<28} ; {}\n", label, line.text, line.comment);
    }
  }
  if (subject.filters.empty()) text += "# no filter\n";
  return text;
}

std::string listing_json(const SeccompSubject& subject) {
  JsonAnswer answer;
  answer.text("source", subject.source);
  answer.begin_list("filters");
  for (size_t i = 0; i < subject.filters.size(); ++i) {
    answer.begin_item();
    answer.text("name", subject.plan.filters[i].name);
    answer.begin_list("instructions");
    const std::vector<Listed> lines = disassemble(subject.filters[i]);
    for (size_t at = 0; at < lines.size(); ++at) {
      const sock_filter& raw = subject.filters[i][at];
      answer.begin_item();
      answer.number("code", raw.code);
      answer.number("jt", raw.jt);
      answer.number("jf", raw.jf);
      answer.number("k", raw.k);
      answer.text_if_any("label", lines[at].label);
      answer.text("text", lines[at].text);
      answer.text_if_any("comment", lines[at].comment);
      answer.end_item();
    }
    answer.end_list();
    answer.end_item();
  }
  answer.end_list();
  return std::move(answer).take();
}

Result<int> disasm(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  HF_TRY(const Target target, target_of(args));
  HF_TRY(const SubjectOptions options, options_of(args, target));
  HF_TRY(const SeccompSubject subject, load_seccomp_subject(args.operands()[0], options));
  HF_DO(print(format == Format::kJson ? listing_json(subject) : listing_text(subject)));
  return 0;
}

constexpr Flag kFlags[] = {
    {"arch", 'a', FlagKind::kText, "NAME",
     "x86_64, i386, x32, aarch64, arm, ... (default: this machine's)"},
    {"cap", 'c', FlagKind::kList, "CAP",
     "a capability beside Docker's 14, for rules of a profile file that depend on it"},
    kRootFlag,
    kFormatFlag,
};

}  // namespace

const CtlVerb kSeccompTestVerb = {
    {.name = "seccomp test",
     .operands = "PROFILE CALL|@SET...",
     .summary = "what a profile's filters say to system calls",
     .example =
         "holdfastctl seccomp test restricted 'socket(AF_VSOCK)' mount\n"
         "  PROFILE: baseline or restricted (also NAME-allowlist, NAME-denylist), an engine's\n"
         "  profile file, a bundle or its config.json, a container's id\n"
         "  exit status: 0 all calls are allowed, 1 one is not, 2 the question is wrong",
     .flags = kFlags,
     .min_operands = 2,
     .max_operands = SIZE_MAX},
    test,
    2};

const CtlVerb kSeccompDisasmVerb = {{.name = "seccomp disasm",
                                     .operands = "PROFILE",
                                     .summary = "a profile's filters, instruction by instruction",
                                     .example = "holdfastctl seccomp disasm baseline-denylist",
                                     .flags = kFlags,
                                     .min_operands = 1,
                                     .max_operands = 1},
                                    disasm,
                                    2};

}  // namespace holdfast::ctl
