// list: the containers that holdfast made, of all engines.
#include <unistd.h>

#include "shim/ctl/containers.h"
#include "shim/ctl/json_answer.h"
#include "shim/ctl/table.h"
#include "shim/ctl/verb.h"

namespace holdfast::ctl {
namespace {

struct Row {
  std::string id, name, engine, status, profile, created, root;
};

std::vector<Row> rows_of(const std::vector<Found>& all) {
  std::vector<Row> rows;
  for (const Found& found : all) {
    const auto state = found.load();
    if (!state) continue;  // deleted meanwhile
    const auto status = found.dir.status(*state);
    rows.push_back({state->id, found.names.empty() ? "" : found.names[0], found.engine,
                    status ? std::string(status_name(*status)) : status.error().message,
                    state->profile, state->created, found.root});
  }
  return rows;
}

std::string table_text(const std::vector<Row>& rows) {
  Table table({{"id", 12},
               {"name", 40},
               {"engine", 20},
               {"status", 8},
               {"profile", 16},
               {"created", 19},
               {"root", 0}});
  for (const Row& row : rows)
    table.add({{row.id.substr(0, 12), Colour::kBold},
               {row.name},
               {row.engine},
               {row.status},
               {row.profile},
               {row.created.substr(0, 19)},
               {row.root}});
  return table.text(terminal_of(STDOUT_FILENO));
}

std::string json_text(const std::vector<Row>& rows, const AllContainers& all) {
  JsonAnswer answer;
  answer.begin_list("containers");
  for (const Row& row : rows) {
    answer.begin_item();
    answer.text("id", row.id);
    answer.text_if_any("name", row.name);
    answer.text_if_any("engine", row.engine);
    answer.text("status", row.status);
    answer.text("profile", row.profile);
    answer.text("created", row.created);
    answer.text("root", row.root);
    answer.end_item();
  }
  answer.end_list();
  answer.number("others", all.others);
  if (!all.problems.empty()) {
    answer.begin_list("notRead");
    for (const std::string& problem : all.problems) answer.element(problem);
    answer.end_list();
  }
  return std::move(answer).take();
}

Result<int> run(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  const AllContainers all = all_containers(args.text("root"));
  const std::vector<Row> rows = rows_of(all.found);
  if (args.on("quiet")) {
    std::string text;
    for (const Row& row : rows) text += printable(row.id) + "\n";
    HF_DO(print(text));
    return 0;
  }
  std::string text = format == Format::kJson ? json_text(rows, all) : table_text(rows);
  if (format == Format::kTable && all.others > 0)
    text += fmt::format("{} of other runtimes are not shown\n", all.others);
  if (format == Format::kTable)
    for (const std::string& problem : all.problems)
      text += "not read: " + printable(problem) + "\n";
  HF_DO(print(text));
  return 0;
}

constexpr Flag kFlags[] = {
    {"quiet", 'q', FlagKind::kSwitch, "", "ids only, in full"},
    kRootFlag,
    kFormatFlag,
};

}  // namespace

const CtlVerb kListVerb = {{.name = "list",
                            .operands = "",
                            .summary = "the containers that holdfast made, of all engines",
                            .example = "holdfastctl list",
                            .flags = kFlags},
                           run};

}  // namespace holdfast::ctl
