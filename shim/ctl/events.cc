// events: what was recorded of containers, and what is being recorded.
#include <unistd.h>

#include "core/event/names.h"
#include "shim/ctl/audit_source.h"
#include "shim/ctl/event_lines.h"
#include "shim/ctl/verb.h"

namespace holdfast::ctl {
namespace {

enum class Form { kTable, kOcsf, kFalco };

Result<Form> form_of(const Arguments& args) {
  const std::string name = args.text("format");
  if (name.empty() || name == "table") return Form::kTable;
  if (name == "json") return Form::kOcsf;
  if (name == "falco") return Form::kFalco;
  return error("--format: unknown format \"{}\": table, json or falco", name);
}

struct Wanted {
  std::string container;
  std::string rule;
  uint64_t since = 0;
  Severity level = Severity::kInformational;

  bool has(const Event& event) const {
    return event.time >= since && event.severity >= level &&
           event.container.starts_with(container) && (rule.empty() || event.rule == rule);
  }
};

Result<Wanted> wanted_of(const Arguments& args) {
  Wanted wanted;
  if (!args.operands().empty())
    wanted.container = audited_container(args.operands()[0], args.text("root"));
  wanted.rule = args.text("rule");
  HF_TRY(wanted.since, since_time(args.text("since")));
  if (!args.given("level")) return wanted;
  const auto level = named<Severity>(args.text("level"));
  if (!level)
    return error("--level: unknown severity \"{}\": informational, low, medium, high or critical",
                 args.text("level"));
  wanted.level = *level;
  return wanted;
}

std::string text_of(const AuditLine& line, Form form, const Terminal& terminal) {
  if (form == Form::kTable) return event_lines(line.recorded.event, terminal);
  if (form == Form::kFalco) return encode_falco(line.recorded.event) + "\n";
  return line.text + "\n";
}

Result<int> run(const Arguments& args) {
  HF_TRY(const Form form, form_of(args));
  HF_TRY(const Wanted wanted, wanted_of(args));
  HF_TRY(AuditReader reader, AuditReader::open(args));
  const Terminal terminal = terminal_of(STDOUT_FILENO);
  while (true) {
    HF_TRY(const auto line, reader.next());
    if (!line && !args.on("follow")) break;
    if (!line)
      HF_DO(reader.wait());
    else if (wanted.has(line->recorded.event))
      HF_DO(print(text_of(*line, form, terminal)));
  }
  if (reader.foreign() > 0)
    ::dprintf(STDERR_FILENO, "%llu lines are none of the log's: holdfastctl audit verify\n",
              static_cast<unsigned long long>(reader.foreign()));
  return 0;
}

constexpr Flag kFlags[] = {
    {"follow", 'F', FlagKind::kSwitch, "", "stay, and show events as they are recorded"},
    {"since", 's', FlagKind::kText, "TIME", "from then on: 10m, 2h, or a date and time in UTC"},
    {"level", 'l', FlagKind::kText, "SEVERITY", "the least grave that is shown"},
    {"rule", 0, FlagKind::kText, "RULE", "of this rule only, such as drift-exec"},
    {"format", 'f', FlagKind::kText, "FORMAT",
     "table (for people, the default), json (OCSF, as recorded) or falco"},
    kAuditFlag,
    kRootFlag,
};

}  // namespace

const CtlVerb kEventsVerb = {{.name = "events",
                              .operands = "[CONTAINER]",
                              .summary = "what was recorded of containers",
                              .example = "holdfastctl events --follow --level high",
                              .flags = kFlags,
                              .max_operands = 1},
                             run};

}  // namespace holdfast::ctl
