// bench_calls: what system calls cost inside the containers of each runtime, under Docker's default profile.
//
//   bench_calls [--iterations N] [--runtime NAME=PATH]...
//
// The runtimes take turns; each run of bench/calls_program gives one figure a call.
#include <getopt.h>
#include <stdio.h>

#include <map>

#include "bench/commands.h"
#include "bench/subjects.h"
#include "core/base/fd.h"
#include "core/base/text.h"

namespace holdfast::bench {
namespace {

constexpr char kUsage[] =
    "usage: bench_calls [--iterations N] [--runtime NAME=PATH]...\n"
    "example: bench_calls --iterations 20 --runtime crun=/usr/bin/crun\n";

struct Options {
  int iterations = 12;
  std::vector<Subject> subjects;
};

// call -> runtime -> figures in nanoseconds
using Figures = std::map<std::string, std::map<std::string, std::vector<double>>>;

Result<Options> parse_options(int argc, char** argv) {
  constexpr option kOptions[] = {{"iterations", required_argument, nullptr, 'i'},
                                 {"runtime", required_argument, nullptr, 'r'},
                                 {nullptr, 0, nullptr, 0}};
  Options options;
  for (int found; (found = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    if (found == 'i') {
      const auto count = parse_number<int>(optarg);
      if (!count || *count < 1) return error("--iterations: expected a number above 0");
      options.iterations = *count;
    } else if (found == 'r') {
      HF_TRY(Subject subject, parse_subject(optarg));
      options.subjects.push_back(std::move(subject));
    } else {
      return error("{}", kUsage);
    }
  }
  if (optind != argc) return error("{}", kUsage);
  if (options.subjects.empty()) options.subjects = installed_subjects();
  return options;
}

Result<> add_figures(const std::string& text, const std::string& subject, Figures& figures) {
  for (const std::string_view line : split(trim(text), '\n')) {
    const size_t space = line.find(' ');
    if (space == line.npos) return error("not a figure: {}", line);
    // Written by our own program a moment ago.
    figures[std::string(line.substr(0, space))][subject].push_back(
        atof(std::string(line.substr(space + 1)).c_str()));
  }
  return {};
}

Result<> measure_all(const Options& options, const Host& host, Figures& figures) {
  HF_DO(make_rootfs(host, BundleKind::kSeccomp));
  const std::string root = rootfs_path(host, BundleKind::kSeccomp);
  HF_TRY(const DirFd rootfs, DirFd::open(root));
  HF_TRY(const std::string program, read_file(beside_ourselves("calls_program"), 16 << 20));
  HF_DO(rootfs.create("bin/calls", program, 0755));
  BundleRequest request{BundleKind::kSeccomp, "", {"/bin/calls"}, ""};
  HF_TRY(request.seccomp, docker_profile());
  std::vector<std::string> bundles;
  for (const Subject& subject : options.subjects) {
    request.name = "calls-" + subject.name;
    HF_TRY(std::string bundle, make_bundle(host, request));
    bundles.push_back(std::move(bundle));
  }
  for (int i = 0; i < options.iterations; ++i) {
    for (size_t turn = 0; turn < options.subjects.size(); ++turn) {
      const size_t which = (turn + static_cast<size_t>(i)) % options.subjects.size();
      HF_TRY(Sample ignored,
             measure(options.subjects[which], Verb::kRun, {bundles[which], bundles[which]}));
      static_cast<void>(ignored);
      HF_TRY(const std::string text, rootfs.read("result", 65536));
      HF_DO(add_figures(text, options.subjects[which].name, figures));
      HF_DO(rootfs.unlink("result"));
    }
  }
  return {};
}

void print_table(const Options& options, Figures& figures) {
  printf("a system call under Docker's profile, median ns (against %s)\n%-16s",
         options.subjects.back().name.c_str(), "");
  for (const Subject& subject : options.subjects) printf("%18s", subject.name.c_str());
  printf("\n");
  for (auto& [call, of] : figures) {
    const double last = median(of[options.subjects.back().name]);
    printf("%-16s", call.c_str());
    for (const Subject& subject : options.subjects) {
      const double own = median(of[subject.name]);
      printf("%10.0f (%.2fx)", own, own / last);
    }
    printf("\n");
  }
}

Result<> run(Options options) {
  HF_TRY(const Host host, prepare_host({}));
  for (Subject& subject : options.subjects) subject.root = host.scratch + "/state-" + subject.name;
  Figures figures;
  const auto measured = measure_all(options, host, figures);
  const auto removed = remove_cgroups(host, kCgroupName);
  clean_up(host);
  HF_DO(measured);
  HF_DO(removed);
  print_table(options, figures);
  return {};
}

}  // namespace
}  // namespace holdfast::bench

int main(int argc, char** argv) {
  using namespace holdfast;
  auto options = bench::parse_options(argc, argv);
  auto done = options ? bench::run(std::move(*options)) : Failure(std::move(options).error());
  if (done) return 0;
  fprintf(stderr, "bench_calls: %s\n", done.error().message.c_str());
  return 1;
}
