#include "bench/commands.h"

#include <unistd.h>

#include "core/base/fd.h"
#include "core/base/text.h"

namespace holdfast::bench {
namespace {

Command command(const Subject& subject, std::initializer_list<std::string> words) {
  Command all{subject.path, "--root", subject.root};
  all.insert(all.end(), words);
  return all;
}

std::string brief_id(const Subject& subject) { return "brief-" + subject.name; }
std::string lasting_id(const Subject& subject) { return "lasting-" + subject.name; }
std::string pid_file(const Subject& subject) { return subject.root + ".pid"; }

Result<pid_t> read_pid(const std::string& path) {
  HF_TRY(const std::string text, read_file(path));
  const auto pid = parse_number<pid_t>(trim(text));
  if (!pid) return error("{}: not a process id", path);
  return *pid;
}

Result<pid_t> create(Meter& meter, const Subject& subject, const std::string& bundle,
                     const std::string& id) {
  HF_DO(meter.run(
      command(subject, {"create", "--bundle", bundle, "--pid-file", pid_file(subject), id})));
  return read_pid(pid_file(subject));
}

Result<> create_start_delete(Meter& meter, const Subject& subject, const std::string& bundle) {
  const std::string id = brief_id(subject);
  HF_TRY(const pid_t pid, create(meter, subject, bundle, id));
  HF_DO(meter.run(command(subject, {"start", id})));
  HF_DO(meter.reap(pid));
  return meter.run(command(subject, {"delete", id}));
}

}  // namespace

std::string_view verb_name(Verb verb) {
  switch (verb) {
    case Verb::kRun:
      return "run";
    case Verb::kCreate:
      return "create+start+delete";
    case Verb::kExec:
      return "exec";
    case Verb::kState:
      return "state";
    case Verb::kKill:
      return "kill";
  }
  return "";
}

bool needs_running(Verb verb) { return verb != Verb::kRun && verb != Verb::kCreate; }

Result<Sample> measure(const Subject& subject, Verb verb, const BundlePair& bundles) {
  Meter meter;
  const std::string lasting = lasting_id(subject);
  switch (verb) {
    case Verb::kRun:
      HF_DO(meter.run(command(subject, {"run", "--bundle", bundles.brief, brief_id(subject)})));
      break;
    case Verb::kCreate:
      HF_DO(create_start_delete(meter, subject, bundles.brief));
      break;
    case Verb::kExec:
      HF_DO(meter.run(command(subject, {"exec", lasting, "/bin/true"})));
      break;
    case Verb::kState:
      HF_DO(meter.run(command(subject, {"state", lasting})));
      break;
    case Verb::kKill:
      // A signal that a running process does not notice.
      HF_DO(meter.run(command(subject, {"kill", lasting, "CONT"})));
      break;
  }
  return meter.stop();
}

Result<> start_lasting(const Subject& subject, const BundlePair& bundles) {
  Meter meter;
  HF_DO(create(meter, subject, bundles.lasting, lasting_id(subject)));
  return meter.run(command(subject, {"start", lasting_id(subject)}));
}

Result<> stop_lasting(const Subject& subject) {
  Meter meter;
  HF_TRY(const pid_t pid, read_pid(pid_file(subject)));
  HF_DO(meter.run(command(subject, {"kill", lasting_id(subject), "KILL"})));
  HF_DO(meter.reap(pid));
  return meter.run(command(subject, {"delete", "--force", lasting_id(subject)}));
}

Result<Sample> measure_floor(const std::string& floor, const Host& host, BundleKind kind) {
  Command words{floor, "--rootfs", rootfs_path(host, kind)};
  if (kind == BundleKind::kUserns) words.push_back("--userns");
  for (const std::string& hierarchy : host.v1) {
    words.push_back("--v1");
    words.push_back(hierarchy);
  }
  if (!host.v2.empty()) {
    words.push_back("--v2");
    words.push_back(host.v2);
  }
  words.insert(words.end(), {"--", "/bin/true"});
  Meter meter;
  HF_DO(meter.run(words));
  return meter.stop();
}

}  // namespace holdfast::bench
