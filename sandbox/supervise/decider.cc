#include "sandbox/supervise/decider.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "core/base/digest.h"
#include "sandbox/supervise/code.h"
#include "sandbox/supervise/witness.h"

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif

namespace holdfast {
namespace {

constexpr size_t kMostExpected = 64, kMostHashes = 256;
constexpr unsigned int kWanted =
    STATX_TYPE | STATX_CTIME | STATX_NLINK | STATX_INO | STATX_SIZE | STATX_MNT_ID;

int64_t nanoseconds(const statx_timestamp& time) {
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

Code code_at(const Fd& file) {
  char begin[kCodeHeader];
  const ssize_t got = ::pread(file.get(), begin, sizeof begin, 0);
  return got > 0 ? code_of({begin, static_cast<size_t>(got)}) : Code::kNone;
}

bool only_image(const ExecControlPlan& plan) {
  const ProgramRule image{.image = true};
  return std::find(plan.allow->begin(), plan.allow->end(), image) != plan.allow->end();
}

struct Told {
  std::string_view message, fix;
  std::vector<std::string> attack;
};

Told told(std::string_view rule) {
  if (rule == "drift-exec")
    return {"a program that is not the image's", "build it into the image", {"T1105", "T1204"}};
  if (rule == "drift-library")
    return {"code that is not the image's", "build it into the image", {"T1105", "T1574"}};
  return {"a program that the profile does not name",
          "name it in the profile's exec.programs",
          {"T1059"}};
}

}  // namespace

Decider::Decider(const Watch& watch, Incidents& incidents)
    : watch_(watch),
      plan_(*watch.plan.exec),
      incidents_(incidents),
      by_parent_(parent_matters(plan_)),
      with_loaders_(plan_.allow && !only_image(plan_)) {}

void Decider::run() {
  while (true) {
    pollfd ready{watch_.events.fd().get(), POLLIN, 0};
    if (::poll(&ready, 1, -1) < 0 && errno != EINTR) return;
    if ((ready.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return;
    (void)watch_.events.read([this](ExecEvent& event) { judge(event); });
  }
}

void Decider::judge(ExecEvent& event) {
  struct statx info {};
  if (::statx(event.file.get(), "", AT_EMPTY_PATH, kWanted, &info) != 0) {
    watch_.events.answer(event, false);
    return;
  }
  ExecFacts facts;
  facts.changed = nanoseconds(info.stx_ctime);
  facts.started = watch_.shared->started.load(std::memory_order_relaxed);
  facts.links = info.stx_nlink;
  facts.on_image =
      std::binary_search(watch_.image_mounts.begin(), watch_.image_mounts.end(), info.stx_mnt_id);
  // A directory, or a file of the image: nearly everything.
  if (event.opened && (!S_ISREG(info.stx_mode) || !drifted(facts))) {
    watch_.events.answer(event, true);
    return;
  }
  if (event.opened) return judge_open(event, std::move(facts));
  judge_exec(event, std::move(facts));
}

void Decider::judge_open(ExecEvent& event, ExecFacts facts) {
  if (code_at(event.file) == Code::kNone) {
    watch_.events.answer(event, true);
    return;
  }
  facts.path = path_of(watch_.procfs, event.number);
  conclude(event, facts, decide_open(plan_, watch_.plan.respond, facts));
}

void Decider::judge_exec(ExecEvent& event, ExecFacts facts) {
  facts.path = path_of(watch_.procfs, event.number);
  if (by_parent_) facts.parent = program_of(watch_.procfs, event.pid);
  if (with_loaders_) {
    const bool expected = takes_expected(event.pid);
    const Code code = code_at(event.file);
    facts.loader = expected && code == Code::kNoLoader && facts.on_image && !drifted(facts) &&
                   is_loader_path(facts.path);
    if (hash_matters(plan_, facts)) facts.sha256 = hash_of(event, facts.changed);
    const Verdict verdict = decide_exec(plan_, watch_.plan.respond, facts);
    if (!verdict.denies() && code == Code::kDynamic) expect_loader(event.pid);
    return conclude(event, facts, verdict);
  }
  if (hash_matters(plan_, facts)) facts.sha256 = hash_of(event, facts.changed);
  conclude(event, facts, decide_exec(plan_, watch_.plan.respond, facts));
}

void Decider::conclude(ExecEvent& event, const ExecFacts& facts, const Verdict& verdict) {
  if (!verdict.told) {
    watch_.events.answer(event, true);
    return;
  }
  // While it waits it is who it is.
  Deed deed = look_at(watch_.procfs, event.pid, watch_.init);
  // Killed before it is answered: it does not act any more, whatever it would have done next.
  if (verdict.response == Response::kKillProcess && event.process)
    ::syscall(SYS_pidfd_send_signal, event.process.get(), SIGKILL, nullptr, 0);
  watch_.events.answer(event, !verdict.denies());
  Incident incident;
  incident.event = watch_.event(EventKind::kExec, verdict.rule, verdict.severity);
  Event& of = incident.event;
  const Told words = told(verdict.rule);
  of.disposition = verdict.denies() ? Disposition::kBlocked : Disposition::kDetected;
  of.response = verdict.response;
  of.message = fmt::format("{}: {}", words.message, verdict.why);
  of.fix = words.fix;
  of.attack = words.attack;
  of.processes = std::move(deed.processes);
  of.injected = deed.injected;
  of.file = FileRef{.path = facts.path, .sha256 = facts.sha256, .former_sha256 = {}};
  incident.release_after = verdict.release_after;
  incident.file = std::move(event.file);
  incident.process = std::move(event.process);
  incidents_.push(std::move(incident));
}

void Decider::expect_loader(pid_t pid) {
  if (expecting_.size() == kMostExpected) expecting_.erase(expecting_.begin());
  expecting_.push_back(pid);
}

bool Decider::takes_expected(pid_t pid) { return std::erase(expecting_, pid) > 0; }

// By what a change of the content cannot leave as it was.
const std::string& Decider::hash_of(const ExecEvent& event, int64_t changed) {
  struct stat info {};
  ::fstat(event.file.get(), &info);
  const Hashed key{info.st_dev, info.st_ino, static_cast<uint64_t>(info.st_size), changed, {}};
  for (const Hashed& each : hashes_)
    if (each.device == key.device && each.inode == key.inode && each.size == key.size &&
        each.changed == key.changed)
      return each.sha256;
  if (hashes_.size() == kMostHashes) hashes_.erase(hashes_.begin());
  hashes_.push_back(key);
  // One that cannot be read is none that is allowed.
  if (auto digest = sha256_file(event.file)) hashes_.back().sha256 = std::move(*digest);
  return hashes_.back().sha256;
}

}  // namespace holdfast
