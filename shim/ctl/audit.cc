// audit verify: whether the log stands as it was written.
#include "sandbox/audit/verify.h"

#include "shim/ctl/audit_source.h"
#include "shim/ctl/json_answer.h"
#include "shim/ctl/table.h"
#include "shim/ctl/verb.h"

namespace holdfast::ctl {
namespace {

Result<AuditReport> report_of(const Arguments& args) {
  if (!args.operands().empty()) {
    const std::string& path = args.operands()[0];
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) return os_error("open {}", path);
    return verify_file(file, path);
  }
  HF_TRY(const std::string path, audit_directory(args));
  HF_TRY(const DirFd directory, with_context(DirFd::open(path), "audit log"));
  return verify_log(directory);
}

std::string place(const AuditFinding& finding) {
  return finding.line == 0 ? finding.file : fmt::format("{}:{}", finding.file, finding.line);
}

std::string table_text(const AuditReport& report) {
  std::string text;
  for (const AuditFinding& each : report.faults)
    text += fmt::format("broken  {}: {}\n", printable(place(each)), printable(each.text));
  for (const AuditFinding& each : report.notes)
    text += fmt::format("note    {}: {}\n", printable(place(each)), printable(each.text));
  if (report.lines == 0) return text + "no lines\n";
  return text + fmt::format("{}: {} lines in {} files, numbers {} to {}, last chain {}\n",
                            report.sound() ? "sound" : "broken", report.lines, report.files,
                            report.first, report.last, report.chain);
}

void add(JsonAnswer& answer, std::string_view name, const std::vector<AuditFinding>& findings) {
  answer.begin_list(name);
  for (const AuditFinding& each : findings) {
    answer.begin_item();
    answer.text("file", each.file);
    answer.number("line", each.line);
    answer.text("text", each.text);
    answer.end_item();
  }
  answer.end_list();
}

std::string json_text(const AuditReport& report) {
  JsonAnswer answer;
  answer.flag("sound", report.sound());
  answer.number("files", report.files);
  answer.number("lines", report.lines);
  answer.number("first", report.first);
  answer.number("last", report.last);
  answer.text("chain", report.chain);
  add(answer, "broken", report.faults);
  add(answer, "notes", report.notes);
  return std::move(answer).take();
}

Result<int> run(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  HF_TRY(const AuditReport report, report_of(args));
  HF_DO(print(format == Format::kJson ? json_text(report) : table_text(report)));
  return report.sound() ? 0 : 2;
}

constexpr Flag kFlags[] = {kAuditFlag, kFormatFlag};

}  // namespace

const CtlVerb kAuditVerifyVerb = {
    {.name = "audit verify",
     .operands = "[FILE]",
     .summary = "whether the audit log stands as it was written: status 2 and the place where not",
     .example = "holdfastctl audit verify && echo untouched",
     .flags = kFlags,
     .max_operands = 1},
    run};

}  // namespace holdfast::ctl
