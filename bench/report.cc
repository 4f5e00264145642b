#include "bench/report.h"

#include <algorithm>
#include <cstdio>

namespace holdfast::bench {
namespace {

// fmt is built without floating point here.
std::string decimal(double value, int digits) {
  char text[48];
  snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string padded(const std::string& text, size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

std::string name_column(const std::string& text) {
  return text.size() < 28 ? text + std::string(28 - text.size(), ' ') : text;
}

struct Quantity {
  const char* title;
  double (*value)(const Series&);
  int digits;
};

constexpr Quantity kQuantities[] = {
    {"wall clock, median ms", [](const Series& s) { return median(s.wall_ms); }, 2},
    {"processor time, median ms", [](const Series& s) { return median(s.cpu_ms); }, 2},
    {"peak memory of the largest process, MiB",
     [](const Series& s) { return double(s.peak_kb) / 1024; }, 1},
};

// "3.21 (1.4x)": the value, and its ratio to the floor's where there is a floor.
std::string cell(const Series* series, const Series* floor, const Quantity& quantity) {
  if (series == nullptr) return "-";
  const double value = quantity.value(*series);
  std::string text = decimal(value, quantity.digits);
  if (floor != nullptr && quantity.value(*floor) > 0)
    text += " (" + decimal(value / quantity.value(*floor), 2) + "x)";
  return text;
}

// `create`, `start` and `delete` together do what `run` does: they have its floor.
const Series* floor_of(const Report& report, BundleKind bundle, Verb verb) {
  return needs_running(verb) ? nullptr : report.find(bundle, Verb::kRun, kFloor);
}

std::string row(const Report& report, BundleKind bundle, Verb verb, const Quantity& quantity) {
  const Series* floor = floor_of(report, bundle, verb);
  std::string line = name_column(fmt::format("{} {}", bundle_name(bundle), verb_name(verb)));
  line += padded(cell(floor, nullptr, quantity), 8);
  for (const std::string& subject : report.subjects)
    line += padded(cell(report.find(bundle, verb, subject), floor, quantity), 18);
  // How many times the first runtime's cost each of the others has.
  const Series* first = report.find(bundle, verb, report.subjects[0]);
  for (size_t i = 1; i < report.subjects.size(); ++i) {
    const Series* other = report.find(bundle, verb, report.subjects[i]);
    const bool known = first != nullptr && other != nullptr && quantity.value(*first) > 0;
    line +=
        padded(known ? decimal(quantity.value(*other) / quantity.value(*first), 2) + "x" : "-", 14);
  }
  return line + "\n";
}

std::string heading(const Report& report, const Quantity& quantity) {
  std::string line = fmt::format("\n{}\n{}", quantity.title, name_column(""));
  line += padded(kFloor, 8);
  for (const std::string& subject : report.subjects) line += padded(subject, 18);
  for (size_t i = 1; i < report.subjects.size(); ++i)
    line += padded(fmt::format("{}/{}", report.subjects[i], report.subjects[0]), 14);
  return line + "\n";
}

bool measured(const Report& report, BundleKind bundle, Verb verb) {
  return std::any_of(report.series.begin(), report.series.end(), [&](const Series& series) {
    return series.bundle == bundle && series.verb == verb;
  });
}

std::string json_series(const Report& report, const Series& series) {
  std::vector<double> wall = series.wall_ms;
  std::sort(wall.begin(), wall.end());
  std::string text = fmt::format(
      R"(    {{"bundle":"{}","verb":"{}","subject":"{}","samples":{},"wall_ms":{{"median":{},"min":{},"p90":{}}},"cpu_ms":{{"median":{}}},"peak_kb":{})",
      bundle_name(series.bundle), verb_name(series.verb), series.subject, wall.size(),
      decimal(median(wall), 3), decimal(wall.front(), 3),
      decimal(wall[(wall.size() - 1) * 9 / 10], 3), decimal(median(series.cpu_ms), 3),
      series.peak_kb);
  const Series* floor = floor_of(report, series.bundle, series.verb);
  if (floor != nullptr && floor != &series)
    text +=
        fmt::format(R"(,"wall_to_floor":{})", decimal(median(wall) / median(floor->wall_ms), 3));
  return text + "}";
}

}  // namespace

void Series::add(const Sample& sample) {
  wall_ms.push_back(sample.wall_ms);
  cpu_ms.push_back(sample.cpu_ms);
  peak_kb = std::max(peak_kb, sample.peak_kb);
}

const Series* Report::find(BundleKind bundle, Verb verb, const std::string& subject) const {
  for (const Series& one : series)
    if (one.bundle == bundle && one.verb == verb && one.subject == subject) return &one;
  return nullptr;
}

Series& Report::at(BundleKind bundle, Verb verb, const std::string& subject) {
  if (const Series* known = find(bundle, verb, subject)) return const_cast<Series&>(*known);
  series.push_back({bundle, verb, subject, {}, {}, 0});
  return series.back();
}

std::string table(const Report& report) {
  std::string text =
      fmt::format("kernel {}, {} processors, cgroups {}, {} interleaved iterations\n",
                  report.kernel, report.processors, report.cgroups, report.iterations);
  for (const Quantity& quantity : kQuantities) {
    text += heading(report, quantity);
    for (BundleKind bundle : kAllBundles)
      for (Verb verb : kAllVerbs)
        if (measured(report, bundle, verb)) text += row(report, bundle, verb, quantity);
  }
  return text;
}

std::string json(const Report& report) {
  std::string text = fmt::format(
      R"({{
  "version":1,"kernel":"{}","processors":{},"cgroups":"{}","iterations":{},
  "results":[
)",
      report.kernel, report.processors, report.cgroups, report.iterations);
  for (size_t i = 0; i < report.series.size(); ++i)
    text += json_series(report, report.series[i]) + (i + 1 < report.series.size() ? ",\n" : "\n");
  return text + "  ]\n}\n";
}

}  // namespace holdfast::bench
