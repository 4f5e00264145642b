// Metrics: counters in Prometheus's text format, added to what stands in the file already, so that all
// processes of a node count together. Pure.
//
//   Metrics metrics;
//   metrics.add(event);
//   std::string text = metrics.merged(old_text);   // and metrics.clear()
//
//   holdfast_events_total{rule="drift-exec",severity="high",disposition="blocked"} 3
//   holdfast_audit_lost_total 0
//
// No label has a value that a container chooses; more than kMostSeries series are counted as rule "other".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/event/event.h"

namespace holdfast {

class Metrics {
 public:
  static constexpr size_t kMostSeries = 512;

  void add(const Event& event);
  void add_lost(uint64_t events) { lost_ += events; }
  void add_failure(std::string_view sink) { ++failures_[std::string(sink)]; }
  bool empty() const { return series_.empty() && lost_ == 0 && failures_.empty(); }
  void clear() { *this = Metrics(); }

  // Lines of the old text that are no series of ours are dropped.
  std::string merged(std::string_view old) const;

 private:
  std::map<std::string, uint64_t> series_, failures_;
  uint64_t lost_ = 0;
};

}  // namespace holdfast
