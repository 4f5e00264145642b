// bench: what holdfast, crun and runc cost, measured in turn on the same bundles.
//
//   bench [--iterations N] [--runtime NAME=PATH]... [--policy NAME=JSON]... [--bundle NAME]...
//         [--verb NAME]... [--json FILE] [--floor PATH] [--keep-unified]
//
// In every iteration each runtime and the floor do the same thing once, in an order that rotates,
// so that what disturbs the machine disturbs all of them. Medians and their ratios are printed.
#include <getopt.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "bench/report.h"
#include "bench/subjects.h"
#include "core/base/fd.h"
#include "core/base/text.h"

namespace holdfast::bench {
namespace {

struct Options {
  int iterations = 40;
  std::vector<Subject> subjects;
  std::vector<BundleKind> bundles;
  std::vector<Verb> verbs;
  std::string json, floor;
  HostOptions host;
};

constexpr int kWarmUps = 2;
// The kernel takes namespaces down in the background: let it, or the next one pays.
constexpr timespec kSettle{.tv_sec = 0, .tv_nsec = 8'000'000};
constexpr char kUsage[] =
    "usage: bench [--iterations N] [--runtime NAME=PATH]... [--policy NAME=JSON]...\n"
    "             [--bundle plain|seccomp|userns]...\n"
    "             [--verb run|create+start+delete|exec|state|kill]... [--json FILE]\n"
    "             [--floor PATH] [--keep-unified]\n"
    "--policy: holdfast once more, as NAME, under this policy of the node\n"
    "example: bench --iterations 100 --runtime crun=/usr/bin/crun --verb run\n";

template <class T, size_t N>
Result<T> choose(const T (&all)[N], std::string_view (*name)(T), std::string_view text) {
  for (T one : all)
    if (name(one) == text) return one;
  return error("unknown name {}", text);
}

Result<> apply_option(Options& options, int option, std::string_view value) {
  if (option == 'i') {
    const auto count = parse_number<int>(value);
    if (!count || *count < 1) return error("--iterations: expected a number above 0");
    options.iterations = *count;
  } else if (option == 'r') {
    HF_TRY(Subject subject, parse_subject(value));
    options.subjects.push_back(std::move(subject));
  } else if (option == 'p') {
    HF_TRY(Subject subject, parse_policy(value));
    options.subjects.push_back(std::move(subject));
  } else if (option == 'b') {
    HF_TRY(const BundleKind kind, choose(kAllBundles, bundle_name, value));
    options.bundles.push_back(kind);
  } else if (option == 'v') {
    HF_TRY(const Verb verb, choose(kAllVerbs, verb_name, value));
    options.verbs.push_back(verb);
  } else if (option == 'j') {
    options.json = value;
  } else if (option == 'f') {
    options.floor = value;
  } else if (option == 'k') {
    options.host.keep_unified = true;
  } else {
    return error("{}", kUsage);
  }
  return {};
}

Result<Options> parse_options(int argc, char** argv) {
  constexpr option kOptions[] = {{"iterations", required_argument, nullptr, 'i'},
                                 {"runtime", required_argument, nullptr, 'r'},
                                 {"policy", required_argument, nullptr, 'p'},
                                 {"bundle", required_argument, nullptr, 'b'},
                                 {"verb", required_argument, nullptr, 'v'},
                                 {"json", required_argument, nullptr, 'j'},
                                 {"floor", required_argument, nullptr, 'f'},
                                 {"keep-unified", no_argument, nullptr, 'k'},
                                 {"help", no_argument, nullptr, 'h'},
                                 {nullptr, 0, nullptr, 0}};
  Options options;
  for (int found; (found = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;)
    HF_DO(apply_option(options, found, optarg == nullptr ? "" : optarg));
  if (optind != argc) return error("{}", kUsage);
  if (options.subjects.empty()) options.subjects = installed_subjects();
  if (options.subjects.empty()) return error("no runtime to measure");
  if (options.bundles.empty())
    options.bundles.assign(std::begin(kAllBundles), std::end(kAllBundles));
  if (options.verbs.empty()) options.verbs.assign(std::begin(kAllVerbs), std::end(kAllVerbs));
  if (options.floor.empty()) options.floor = beside_ourselves("floor");
  return options;
}

// Each runtime has bundles of its own, so that no two share a cgroup.
Result<BundlePair> make_bundles(const Host& host, BundleKind kind, const Subject& subject) {
  BundleRequest request{.kind = kind, .name = "", .args = {"/bin/true"}, .seccomp = ""};
  HF_TRY(request.seccomp, docker_profile());
  BundlePair pair;
  request.name = fmt::format("{}-brief-{}", bundle_name(kind), subject.name);
  HF_TRY(pair.brief, make_bundle(host, request));
  request.name = fmt::format("{}-lasting-{}", bundle_name(kind), subject.name);
  request.args = {"/bin/sleep", "100000"};
  HF_TRY(pair.lasting, make_bundle(host, request));
  return pair;
}

// One kind of bundle: every runtime and the floor in turn.
class Round {
 public:
  Round(const Options& options, const Host& host, Report& report, BundleKind kind,
        std::vector<BundlePair> pairs)
      : options_(options), host_(host), report_(report), kind_(kind), pairs_(std::move(pairs)) {}

  Result<> measure_verb(Verb verb) {
    for (int i = -kWarmUps; i < options_.iterations; ++i) HF_DO(iterate(verb, i));
    return {};
  }

 private:
  Result<> iterate(Verb verb, int iteration) {
    const size_t count = options_.subjects.size() + (verb == Verb::kRun ? 1 : 0);
    for (size_t turn = 0; turn < count; ++turn) {
      const size_t which = (turn + size_t(iteration + kWarmUps)) % count;
      HF_TRY(const Sample sample, one(verb, which));
      nanosleep(&kSettle, nullptr);
      if (iteration < 0) continue;
      const bool floor = which == options_.subjects.size();
      report_.at(kind_, verb, floor ? kFloor : options_.subjects[which].name).add(sample);
    }
    return {};
  }

  Result<Sample> one(Verb verb, size_t which) {
    if (which == options_.subjects.size()) return measure_floor(options_.floor, host_, kind_);
    HF_DO(set_policy(options_.subjects[which].policy));
    return measure(options_.subjects[which], verb, pairs_[which]);
  }

  const Options& options_;
  const Host& host_;
  Report& report_;
  BundleKind kind_;
  std::vector<BundlePair> pairs_;
};

Result<> measure_kind(const Options& options, const Host& host, Report& report, BundleKind kind) {
  HF_DO(make_rootfs(host, kind));
  std::vector<BundlePair> pairs;
  for (const Subject& subject : options.subjects) {
    HF_TRY(BundlePair pair, make_bundles(host, kind, subject));
    pairs.push_back(std::move(pair));
  }
  Round round(options, host, report, kind, pairs);
  bool running = false;
  for (Verb verb : options.verbs) {
    if (needs_running(verb) && !running) {
      for (size_t i = 0; i < pairs.size(); ++i) {
        HF_DO(set_policy(options.subjects[i].policy));
        HF_DO(start_lasting(options.subjects[i], pairs[i]));
      }
      running = true;
    }
    fprintf(stderr, "bench: %s %s\n", std::string(bundle_name(kind)).c_str(),
            std::string(verb_name(verb)).c_str());
    HF_DO(round.measure_verb(verb));
  }
  if (running)
    for (const Subject& subject : options.subjects) HF_DO(stop_lasting(subject));
  return {};
}

Result<> measure_all(const Options& options, const Host& host, Report& report) {
  for (BundleKind kind : options.bundles) HF_DO(measure_kind(options, host, report, kind));
  return {};
}

Report describe_host(const Options& options, const Host& host) {
  utsname name{};
  uname(&name);
  Report report;
  report.kernel = name.release;
  report.processors = sysconf(_SC_NPROCESSORS_ONLN);
  report.cgroups = !host.v2.empty() ? "v2" : host.unified_hidden ? "v1 (the v2 side hidden)" : "v1";
  report.iterations = options.iterations;
  for (const Subject& subject : options.subjects) report.subjects.push_back(subject.name);
  return report;
}

Result<> write_json(const std::string& path, const Report& report) {
  const size_t slash = path.rfind('/');
  HF_TRY(const DirFd directory, DirFd::open(slash == path.npos ? "." : path.substr(0, slash + 1)));
  return directory.replace(path.substr(slash + 1), json(report), 0644);
}

Result<> run(Options options) {
  HF_TRY(const Host host, prepare_host(options.host));
  for (Subject& subject : options.subjects) subject.root = host.scratch + "/state-" + subject.name;
  Report report = describe_host(options, host);
  const auto measured = measure_all(options, host, report);
  if (!measured)  // what a failure left running
    for (const Subject& subject : options.subjects) static_cast<void>(stop_lasting(subject));
  const auto removed = remove_cgroups(host, kCgroupName);
  clean_up(host);
  HF_DO(measured);
  HF_DO(removed);
  fputs(table(report).c_str(), stdout);
  if (options.json.empty()) return {};
  return write_json(options.json, report);
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  using namespace holdfast;
  auto options = bench::parse_options(argc, argv);
  auto done = options ? bench::run(std::move(*options)) : Failure(std::move(options).error());
  if (done) return 0;
  fprintf(stderr, "bench: %s\n", done.error().message.c_str());
  return 1;
}
