// The measured operations, each on one runtime and one bundle.
//
//   Subject subject{.name = "crun", .path = "/usr/bin/crun", .root = "..."};
//   HF_TRY(Sample sample, measure(subject, Verb::kRun, bundles));
#pragma once

#include <string>
#include <string_view>

#include "bench/bundle.h"
#include "bench/measure.h"

namespace holdfast::bench {

// kCreate is create, start, the program's end and delete.
enum class Verb { kRun, kCreate, kExec, kState, kKill };
inline constexpr Verb kAllVerbs[] = {Verb::kRun, Verb::kCreate, Verb::kExec, Verb::kState,
                                     Verb::kKill};
std::string_view verb_name(Verb verb);
// Whether the verb acts on a container that is already running.
bool needs_running(Verb verb);

struct Subject {
  std::string name;  // "crun"
  std::string path;
  std::string root;    // its state directory
  std::string policy;  // the text of the node's policy; empty: there is none
};

// The bundles of one kind: a program that ends at once, and one that stays for exec, state and
// kill.
struct BundlePair {
  std::string brief;
  std::string lasting;
};

Result<Sample> measure(const Subject& subject, Verb verb, const BundlePair& bundles);

// The container that exec, state and kill act on.
Result<> start_lasting(const Subject& subject, const BundlePair& bundles);
Result<> stop_lasting(const Subject& subject);

// The bare kernel work of `run`.
Result<Sample> measure_floor(const std::string& floor, const Host& host, BundleKind kind);

}  // namespace holdfast::bench
