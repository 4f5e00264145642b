#include <algorithm>

#include "shim/oci/container.h"

namespace holdfast {
namespace {

constexpr Flag kFlags[] = {
    {"format", 'f', FlagKind::kText, "FORMAT", "table (default) or json"},
    {"quiet", 'q', FlagKind::kSwitch, "", "print the ids only"},
};

struct Row {
  ContainerState state;
  Status status;
};

// One that cannot be read, or is on its way in or out, is told and left out.
std::vector<Row> read_rows(const StateStore& store, const std::vector<std::string>& ids) {
  std::vector<Row> rows;
  for (const auto& id : ids) {
    const auto row = [&]() -> Result<Row> {
      HF_TRY(const StateDir dir, store.find(id));
      HF_TRY(ContainerState state, dir.load());
      HF_TRY(const Status now, dir.status(state));
      return Row{std::move(state), now};
    }();
    if (row)
      rows.push_back(*row);
    else if (row.error().code != ENOENT)
      warn(row.error().message);
  }
  return rows;
}

// Columns as runc's tabwriter sets them: at least 12 wide, 3 blanks between.
std::string table(const std::vector<Row>& rows) {
  using Cells = std::vector<std::string>;
  std::vector<Cells> lines = {{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
  for (const auto& [state, status] : rows)
    lines.push_back({state.id, fmt::format("{}", shown_pid(state, status)),
                     std::string(status_name(status)), state.bundle, state.created, state.owner});
  std::vector<size_t> widths(lines[0].size(), 12);
  for (const auto& line : lines)
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size() + 3);
  std::string out;
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      out += line[i];
      if (i + 1 < line.size()) out.append(widths[i] - line[i].size(), ' ');
    }
    out += '\n';
  }
  return out;
}

std::string as_json(const std::vector<Row>& rows) {
  // runc prints null, not [], for none.
  if (rows.empty()) return "null\n";
  std::string out = "[";
  for (const auto& [state, status] : rows) {
    if (out.size() > 1) out += ',';
    out += state_document(state, status, StateForm::kList);
  }
  return out + "]\n";
}

Result<int> run(const Globals& globals, const Arguments& args) {
  const std::string format = args.given("format") ? args.text("format") : "table";
  if (format != "table" && format != "json") return error("invalid format option");
  std::vector<std::string> ids;
  const auto store = StateStore::open(globals.root);
  if (!store) return Failure(store.error());
  HF_TRY(ids, store->ids());
  const auto rows = read_rows(*store, ids);
  if (args.on("quiet")) {
    std::string out;
    for (const auto& row : rows) out += row.state.id + "\n";
    HF_DO(print(out));
    return 0;
  }
  HF_DO(print(format == "json" ? as_json(rows) : table(rows)));
  return 0;
}

}  // namespace

const Verb kListVerb = {.syntax = {.name = "list",
                                   .operands = "",
                                   .summary = "list the containers below the state root",
                                   .example = "holdfast list --format json",
                                   .flags = kFlags},
                        .run = run};

}  // namespace holdfast
