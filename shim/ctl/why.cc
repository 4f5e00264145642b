// why: seccomp's denials in one container. From the kernel's log, or for one system call that is
// asked about: the container's own filters are evaluated, the ones that it runs with.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "core/base/text.h"
#include "sandbox/kernel/cgroup.h"
#include "shim/ctl/call_syntax.h"
#include "shim/ctl/containers.h"
#include "shim/ctl/json_answer.h"
#include "shim/ctl/kernel_log.h"
#include "shim/ctl/policy_source.h"
#include "shim/ctl/table.h"
#include "shim/ctl/verb.h"
#include "shim/ctl/verdicts.h"

namespace holdfast::ctl {
namespace {

struct Subject {
  Plan plan;
  std::vector<Filter> filters;
  ContainerState state;
  // seccomp.remove of a profile of the node's own, as it is today.
  std::optional<std::vector<std::string>> removed;

  const std::vector<std::string>* removed_calls() const { return removed ? &*removed : nullptr; }
};

// One line of the answer: denials of the same call by the same program count as one.
struct Finding {
  std::string when;     // of the last one; empty for a call that was asked about
  std::string program;  // "nginx (/usr/sbin/nginx)"
  std::string call;     // "mount", "mount on i386"
  uint32_t count = 0;
  bool certain = true;  // false: the process is gone, it may have been another container's
  Judgement judgement;
};

Result<Subject> load(const std::string& id, const std::string& root) {
  HF_TRY(const Found found, find_container(id, root));
  Subject subject;
  HF_TRY(subject.plan, found.load_plan());
  HF_TRY(subject.filters, found.load_filters(subject.plan));
  HF_TRY(subject.state, found.load());
  // Without a readable policy the answer is less exact.
  if (const auto policy = policy_from(kNodeDirectory))
    if (const Profile* profile = policy->find_profile(subject.plan.profile))
      subject.removed = profile->seccomp.remove;
  return subject;
}

std::string call_name(uint32_t arch, int32_t number) {
  std::string name = call_text(arch, number);
  if (arch != native_arch()) name += " on " + arch_text(arch);
  return name;
}

std::string local_time(double seconds) {
  const auto whole = static_cast<time_t>(seconds);
  tm parts{};
  char text[32] = "";
  if (::localtime_r(&whole, &parts) != nullptr) ::strftime(text, sizeof text, "%F %T", &parts);
  return text;
}

// Seconds since the epoch of an RFC 3339 time in UTC; 0 for anything else.
double epoch(const std::string& time) {
  tm parts{};
  if (::strptime(time.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return 0;
  return static_cast<double>(::timegm(&parts));
}

bool is_gone(pid_t pid) { return ::kill(pid, 0) != 0 && errno == ESRCH; }

// The log has no arguments: where the filters' answer to zeros differs, it depends on them.
Result<Judgement> judge_logged(const Subject& subject, const Denial& denial) {
  HF_TRY(Judgement judgement, judge_call(subject.plan, subject.filters,
                                         {.arch = denial.arch, .nr = denial.syscall, .args = {}},
                                         subject.removed_calls()));
  constexpr uint32_t kActions = 0xffff0000;
  if ((judgement.action & kActions) == (denial.code & kActions)) return judgement;
  judgement.action = denial.code;
  judgement.answer = answer_text(denial.code);
  judgement.filter = "depends on the arguments";
  judgement.remedy = "ask again with them: holdfastctl why ID 'CALL(ARG, ...)'";
  return judgement;
}

void count(std::vector<Finding>& findings, Finding finding) {
  for (Finding& known : findings) {
    if (known.call != finding.call || known.program != finding.program ||
        known.certain != finding.certain)
      continue;
    ++known.count;
    known.when = finding.when;
    return;
  }
  findings.push_back(std::move(finding));
}

Result<std::vector<Finding>> from_log(const Subject& subject, const KernelLog& log) {
  HF_TRY(const std::vector<pid_t> members, processes(subject.state.cgroups));
  const double since = epoch(subject.state.created);
  std::vector<Finding> findings;
  for (const Denial& denial : log.denials) {
    const bool member = std::find(members.begin(), members.end(), denial.pid) != members.end();
    if (denial.time < since || (!member && !is_gone(denial.pid))) continue;
    HF_TRY(Judgement judgement, judge_logged(subject, denial));
    count(findings, {.when = local_time(denial.time),
                     .program = fmt::format("{} ({})", denial.comm, denial.exe),
                     .call = call_name(denial.arch, denial.syscall),
                     .count = 1,
                     .certain = member,
                     .judgement = std::move(judgement)});
  }
  return findings;
}

Result<Finding> asked(const Subject& subject, const Arguments& args) {
  uint32_t arch = native_arch();
  if (args.given("arch")) {
    const auto known = arch_of(args.text("arch"));
    if (!known) return error("--arch: unknown architecture \"{}\"", args.text("arch"));
    arch = *known;
  }
  HF_TRY(const CallText written, parse_call(args.operands()[1]));
  SystemCall call{.arch = arch, .nr = 0, .args = written.args};
  HF_TRY(call.nr, call_of(arch, written.name));
  for (size_t i = 2; i < args.operands().size(); ++i) {
    std::string_view text = args.operands()[i];
    const bool hexadecimal = text.starts_with("0x");
    if (hexadecimal) text.remove_prefix(2);
    const auto value = parse_number<uint64_t>(text, hexadecimal ? 16 : 10);
    if (!value) return error("argument {}: expected a number, not \"{}\"", i - 1, text);
    call.args[i - 2] = *value;
  }
  Finding finding;
  finding.call = call_name(arch, call.nr);
  HF_TRY(finding.judgement,
         judge_call(subject.plan, subject.filters, call, subject.removed_calls()));
  return finding;
}

std::string table_text(const std::vector<Finding>& findings, bool logged) {
  std::vector<Column> columns{{"call", 26}, {"answer", 24}, {"filter", 26}};
  if (logged) columns.insert(columns.begin(), {{"last", 19}, {"times", 6}, {"program", 30}});
  columns.push_back({"what would allow it", 0});
  Table table(std::move(columns));
  bool uncertain = false;
  for (const Finding& finding : findings) {
    std::vector<Cell> row;
    if (logged) {
      row = {{finding.when}, {fmt::format("{}", finding.count)}, {finding.program}};
      if (!finding.certain) row[1].text += " ?";
    }
    uncertain = uncertain || !finding.certain;
    const bool denied = !allows(finding.judgement.action);
    row.push_back({finding.call, Colour::kBold});
    row.push_back({finding.judgement.answer, denied ? Colour::kRed : Colour::kGreen});
    row.push_back({finding.judgement.filter});
    row.push_back({finding.judgement.remedy});
    table.add(std::move(row));
  }
  std::string text = table.text(terminal_of(STDOUT_FILENO));
  if (uncertain) text += "? the process is gone: it may have been another container's\n";
  return text;
}

std::string json_text(const std::vector<Finding>& findings) {
  JsonAnswer answer;
  answer.begin_list("findings");
  for (const Finding& finding : findings) {
    answer.begin_item();
    answer.text_if_any("last", finding.when);
    if (finding.count > 0) {
      answer.number("count", finding.count);
      answer.flag("certain", finding.certain);
    }
    answer.text_if_any("program", finding.program);
    answer.text_if_any("call", finding.call);
    answer.text_if_any("answer", finding.judgement.answer);
    answer.text_if_any("filter", finding.judgement.filter);
    answer.text_if_any("remedy", finding.judgement.remedy);
    answer.end_item();
  }
  answer.end_list();
  return std::move(answer).take();
}

constexpr char kNothingLogged[] =
    "nothing in the kernel's log: a filter's EPERM is logged only where the engine's profile asks "
    "for\n"
    "it (SECCOMP_FILTER_FLAG_LOG). Ask about a call: holdfastctl why ID mount\n";

Result<int> run(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  HF_TRY(const Subject subject, load(args.operands()[0], args.text("root")));
  const bool logged = args.operands().size() == 1;
  std::vector<Finding> findings;
  if (logged) {
    HF_TRY(const KernelLog log, read_kernel_log());
    HF_TRY(findings, from_log(subject, log));
  } else {
    HF_TRY(Finding finding, asked(subject, args));
    findings.push_back(std::move(finding));
  }
  if (format == Format::kJson)
    HF_DO(print(json_text(findings)));
  else
    HF_DO(print(findings.empty() ? kNothingLogged : table_text(findings, logged)));
  return 0;
}

constexpr Flag kFlags[] = {
    kRootFlag,
    {"arch", 'a', FlagKind::kText, "NAME", "x86_64, i386, aarch64, ... (default: this machine's)"},
    kFormatFlag,
};

}  // namespace

const CtlVerb kWhyVerb = {
    {.name = "why",
     .operands = "CONTAINER [CALL [ARG...]]",
     .summary = "which filter denies a system call, and what would allow it",
     .example = "holdfastctl why 3f2a       holdfastctl why 3f2a 'socket(AF_VSOCK)'",
     .flags = kFlags,
     .min_operands = 1,
     .max_operands = 8},
    run};

}  // namespace holdfast::ctl
