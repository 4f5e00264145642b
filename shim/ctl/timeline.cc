// timeline: what was recorded of one container, by its processes.
#include <unistd.h>

#include "core/event/names.h"
#include "core/event/redact.h"
#include "shim/ctl/audit_source.h"
#include "shim/ctl/event_lines.h"
#include "shim/ctl/json_answer.h"
#include "shim/ctl/process_tree.h"
#include "shim/ctl/verb.h"

namespace holdfast::ctl {
namespace {

struct Timeline {
  std::string container;
  std::vector<Event> events;
  std::vector<uint64_t> sequences;
  ProcessTree tree;
};

Result<Timeline> timeline_of(const Arguments& args) {
  Timeline timeline;
  const std::string wanted = audited_container(args.operands()[0], args.text("root"));
  HF_TRY(AuditReader reader, AuditReader::open(args));
  while (true) {
    HF_TRY(auto line, reader.next());
    if (!line) break;
    Event& event = line->recorded.event;
    if (event.container.empty() || !event.container.starts_with(wanted)) continue;
    if (!timeline.container.empty() && timeline.container != event.container)
      return error("{} is the beginning of several ids: {}, {}", wanted, timeline.container,
                   event.container);
    timeline.container = event.container;
    timeline.sequences.push_back(line->recorded.sequence);
    timeline.events.push_back(std::move(event));
  }
  if (timeline.events.empty()) return error("nothing is recorded of {}", wanted);
  timeline.tree = process_tree(timeline.events);
  return timeline;
}

// ---- for people ----

class TreeText {
 public:
  TreeText(const Timeline& timeline, const Terminal& terminal)
      : timeline_(timeline), terminal_(terminal) {}

  std::string text() {
    const Event& first = timeline_.events.front();
    out_ = fmt::format("{}  profile {}  from {} to {}\n", printable(timeline_.container),
                       printable(first.profile.empty() ? "?" : first.profile),
                       clock_text(first.time), clock_text(timeline_.events.back().time));
    for (const size_t event : timeline_.tree.others) add_event(event, "");
    // With a list, not by recursion: the log may tell of deep trees.
    std::vector<Open> open;
    const auto push = [&](const std::vector<size_t>& list, const std::string& lead) {
      for (size_t i = list.size(); i > 0; --i)
        open.push_back({list[i - 1], lead, i == list.size()});
    };
    push(timeline_.tree.roots, "");
    while (!open.empty()) {
      const Open entry = open.back();
      open.pop_back();
      const TreeProcess& process = timeline_.tree.processes[entry.process];
      const bool deep = entry.lead.size() > 100;
      add_process(process, entry.lead + (entry.last ? "`- " : "|- "));
      const std::string lead = deep ? entry.lead : entry.lead + (entry.last ? "   " : "|  ");
      for (const size_t event : process.events)
        add_event(event, lead + (process.children.empty() ? "   " : "|  "));
      push(process.children, lead);
    }
    return std::move(out_);
  }

 private:
  struct Open {
    size_t process;
    std::string lead;
    bool last;
  };

  void add_process(const TreeProcess& process, const std::string& lead) {
    const ProcessRef& p = process.process;
    out_ += fmt::format("{}{} {}", lead, p.pid,
                        coloured(printable(p.exe.empty() && p.args.empty() ? "?" : p.exe),
                                 Colour::kBold, terminal_));
    if (!p.args.empty()) out_ += fmt::format("  [{}]", printable(command_line(p.args, 256)));
    if (process.injected)
      out_ += "  " + coloured("executed into the container", Colour::kYellow, terminal_);
    out_ += '\n';
  }

  void add_event(size_t index, const std::string& lead) {
    const Event& e = timeline_.events[index];
    const std::string severity = fmt::format("{:<8}", enum_name(e.severity).substr(0, 8));
    out_ += fmt::format("{}{} {}{} {}  {}", lead, clock_text(e.time),
                        coloured(severity, severity_colour(e.severity), terminal_),
                        printable(e.rule), enum_name(e.disposition), printable(subject_text(e)));
    if (e.count > 1) out_ += fmt::format("  {} times", e.count);
    for (const std::string& technique : e.attack) out_ += "  " + printable(technique);
    if (subject_text(e).empty()) out_ += printable(e.message);
    out_ += '\n';
  }

  const Timeline& timeline_;
  const Terminal& terminal_;
  std::string out_;
};

// ---- for machines ----

void add_event(JsonAnswer& answer, const Timeline& timeline, size_t index) {
  const Event& e = timeline.events[index];
  answer.begin_item();
  answer.number("sequence", timeline.sequences[index]);
  answer.number("time_ns", e.time);
  answer.text("rule", e.rule);
  answer.text("kind", enum_name(e.kind));
  answer.text("severity", enum_name(e.severity));
  answer.text("disposition", enum_name(e.disposition));
  answer.text("response", enum_name(e.response));
  answer.text_if_any("subject", subject_text(e));
  answer.text_if_any("message", e.message);
  answer.text_if_any("fix", e.fix);
  answer.number("count", e.count);
  answer.begin_list("attack");
  for (const std::string& technique : e.attack) answer.element(technique);
  answer.end_list();
  answer.end_item();
}

std::string json_text(const Timeline& timeline) {
  JsonAnswer answer;
  answer.text("container", timeline.container);
  answer.text_if_any("profile", timeline.events.front().profile);
  answer.begin_list("events");
  for (const size_t event : timeline.tree.others) add_event(answer, timeline, event);
  answer.end_list();
  answer.begin_list("processes");
  for (const TreeProcess& process : timeline.tree.processes) {
    const ProcessRef& p = process.process;
    answer.begin_item();
    answer.number("pid", p.pid);
    answer.number("started", p.started);
    answer.number("uid", p.uid);
    answer.text_if_any("exe", p.exe);
    answer.text_if_any("commandLine", command_line(p.args, 4096));
    answer.flag("injected", process.injected);
    if (process.parent != SIZE_MAX) {
      answer.number("parent", timeline.tree.processes[process.parent].process.pid);
      answer.number("parentStarted", timeline.tree.processes[process.parent].process.started);
    }
    answer.begin_list("events");
    for (const size_t event : process.events) add_event(answer, timeline, event);
    answer.end_list();
    answer.end_item();
  }
  answer.end_list();
  return std::move(answer).take();
}

Result<int> run(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  HF_TRY(const Timeline timeline, timeline_of(args));
  const Terminal terminal = terminal_of(STDOUT_FILENO);
  HF_DO(print(format == Format::kJson ? json_text(timeline) : TreeText(timeline, terminal).text()));
  return 0;
}

constexpr Flag kFlags[] = {kAuditFlag, kRootFlag, kFormatFlag};

}  // namespace

const CtlVerb kTimelineVerb = {
    {.name = "timeline",
     .operands = "CONTAINER",
     .summary = "what was recorded of a container, by its processes and their parents",
     .example = "holdfastctl timeline web-7f9c",
     .flags = kFlags,
     .min_operands = 1,
     .max_operands = 1},
    run};

}  // namespace holdfast::ctl
