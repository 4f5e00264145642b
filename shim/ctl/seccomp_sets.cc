// seccomp sets: the named sets of system calls, and what is in one.
#include <unistd.h>

#include "profiles/seccomp/sets.h"
#include "shim/ctl/json_answer.h"
#include "shim/ctl/table.h"
#include "shim/ctl/verb.h"

namespace holdfast::ctl {
namespace {

Result<std::vector<SyscallSet>> chosen(const Arguments& args) {
  std::vector<SyscallSet> all = all_syscall_sets();
  if (args.operands().empty()) return all;
  const std::string& name = args.operands()[0];
  std::erase_if(all, [&](const SyscallSet& set) { return set.name != name; });
  if (all.empty()) return error("no set is called {}: try 'holdfastctl seccomp sets'", name);
  return all;
}

std::string calls_of(const SyscallSet& set) {
  std::string text;
  for (const std::string_view call : set.calls)
    text += (text.empty() ? "" : " ") + std::string(call);
  return text;
}

std::string table_text(const std::vector<SyscallSet>& sets) {
  Table table({{"set", 14}, {"what its calls do", 44}, {"calls", 0}});
  for (const SyscallSet& set : sets)
    table.add({{std::string(set.name), Colour::kBold}, {std::string(set.what)}, {calls_of(set)}});
  return table.text(terminal_of(STDOUT_FILENO));
}

std::string json_text(const std::vector<SyscallSet>& sets) {
  JsonAnswer answer;
  answer.begin_list("sets");
  for (const SyscallSet& set : sets) {
    answer.begin_item();
    answer.text("name", set.name);
    answer.text("what", set.what);
    answer.begin_list("calls");
    for (const std::string_view call : set.calls) answer.element(call);
    answer.end_list();
    answer.end_item();
  }
  answer.end_list();
  return std::move(answer).take();
}

Result<int> run(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  HF_TRY(const std::vector<SyscallSet> sets, chosen(args));
  HF_DO(print(format == Format::kJson ? json_text(sets) : table_text(sets)));
  return 0;
}

constexpr Flag kFlags[] = {kFormatFlag};

}  // namespace

const CtlVerb kSeccompSetsVerb = {{.name = "seccomp sets",
                                   .operands = "[@SET]",
                                   .summary = "the named sets of system calls",
                                   .example = "holdfastctl seccomp sets @mount",
                                   .flags = kFlags,
                                   .max_operands = 1},
                                  run,
                                  2};

}  // namespace holdfast::ctl
