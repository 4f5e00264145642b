// What was measured, as a table for people and as JSON for machines.
#pragma once

#include <string>
#include <vector>

#include "bench/commands.h"

namespace holdfast::bench {

// One runtime's (or the floor's) samples of one verb on one kind of bundle.
struct Series {
  BundleKind bundle = BundleKind::kPlain;
  Verb verb = Verb::kRun;
  std::string subject;
  std::vector<double> wall_ms, cpu_ms;
  long peak_kb = 0;

  void add(const Sample& sample);
};

inline constexpr char kFloor[] = "floor";

struct Report {
  std::string kernel;
  long processors = 0;
  std::string cgroups;  // "v1", "v2", "hybrid, v2 side hidden"
  int iterations = 0;
  std::vector<std::string> subjects;  // runtimes, in the order of the columns
  std::vector<Series> series;

  Series& at(BundleKind bundle, Verb verb, const std::string& subject);
  const Series* find(BundleKind bundle, Verb verb, const std::string& subject) const;
};

std::string table(const Report& report);
std::string json(const Report& report);

}  // namespace holdfast::bench
