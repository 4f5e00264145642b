#include <unistd.h>

#include "core/base/digest.h"
#include "profiles/policy/resolve.h"
#include "sandbox/kernel/probe.h"
#include "shim/oci/audit.h"
#include "shim/oci/container.h"
#include "shim/oci/load_policy.h"
#include "shim/oci/units.h"

namespace holdfast {
namespace {

constexpr size_t kMaxResources = 16 << 20;

constexpr Flag kFlags[] = {
    {"resources", 'r', FlagKind::kText, "FILE|-",
     "the limits as JSON (linux.resources), instead of flags"},
    {"memory", 0, FlagKind::kText, "SIZE", "memory limit in bytes, or with k, m, g; -1: none"},
    {"memory-reservation", 0, FlagKind::kText, "SIZE", "memory soft limit"},
    {"memory-swap", 0, FlagKind::kText, "SIZE", "memory and swap together; -1: unlimited swap"},
    {"cpu-period", 0, FlagKind::kText, "USEC", "CFS period"},
    {"cpu-quota", 0, FlagKind::kText, "USEC", "CPU time in a period"},
    {"cpu-burst", 0, FlagKind::kText, "USEC", "CPU time that may be saved up"},
    {"cpu-share", 0, FlagKind::kText, "N", "CPU weight against other containers"},
    {"cpu-shares", 0, FlagKind::kText, "N", "the same"},
    {"cpu-idle", 0, FlagKind::kText, "0|1", "1: SCHED_IDLE"},
    {"cpu-rt-period", 0, FlagKind::kText, "USEC", "real-time period"},
    {"cpu-rt-runtime", 0, FlagKind::kText, "USEC", "real-time CPU time in a period"},
    {"cpuset-cpus", 0, FlagKind::kText, "LIST", "CPUs to use: 0-3,7"},
    {"cpuset-mems", 0, FlagKind::kText, "LIST", "memory nodes to use"},
    {"pids-limit", 0, FlagKind::kText, "N", "number of processes; -1: unlimited"},
    {"blkio-weight", 0, FlagKind::kText, "N", "I/O weight, 10 to 1000"},
    {"kernel-memory", 0, FlagKind::kText, "SIZE",
     "accepted: the kernel has no such limit any more"},
    {"kernel-memory-tcp", 0, FlagKind::kText, "SIZE", "accepted: see --kernel-memory"},
    {"l3-cache-schema", 0, FlagKind::kText, "SCHEMA", "Intel RDT: not supported"},
    {"mem-bw-schema", 0, FlagKind::kText, "SCHEMA", "Intel RDT: not supported"},
};

// Reads one flag into an optional of its own number type; absent and "" leave it alone.
template <class T>
Result<> take(const Arguments& args, std::string_view flag, std::optional<T>& into) {
  const std::string text = args.text(flag);
  if (text.empty()) return {};
  const auto value = parse_number<T>(text);
  if (!value) return error("invalid value for {}: \"{}\"", flag, text);
  into = *value;
  return {};
}

Result<> take_size(const Arguments& args, std::string_view flag, std::optional<int64_t>& into) {
  const std::string text = args.text(flag);
  if (text.empty()) return {};
  into = parse_bytes(text);
  if (!into) return error("invalid value for {}: \"{}\"", flag, text);
  return {};
}

Result<oci::Resources> from_flags(const Arguments& args) {
  for (const std::string_view flag : {"l3-cache-schema", "mem-bw-schema"})
    if (!args.text(flag).empty()) return error("--{}: Intel RDT is not supported", flag);
  oci::MemoryResources memory;
  oci::CpuResources cpu;
  oci::PidsResources pids;
  oci::BlockIoResources block_io;
  HF_DO(take_size(args, "memory", memory.limit));
  HF_DO(take_size(args, "memory-reservation", memory.reservation));
  HF_DO(take_size(args, "memory-swap", memory.swap));
  HF_DO(take(args, "cpu-period", cpu.period));
  HF_DO(take(args, "cpu-quota", cpu.quota));
  HF_DO(take(args, "cpu-burst", cpu.burst));
  HF_DO(take(args, "cpu-share", cpu.shares));
  HF_DO(take(args, "cpu-shares", cpu.shares));
  HF_DO(take(args, "cpu-idle", cpu.idle));
  HF_DO(take(args, "cpu-rt-period", cpu.realtime_period));
  HF_DO(take(args, "cpu-rt-runtime", cpu.realtime_runtime));
  cpu.cpus = args.text("cpuset-cpus");
  cpu.mems = args.text("cpuset-mems");
  HF_DO(take(args, "pids-limit", pids.limit));
  HF_DO(take(args, "blkio-weight", block_io.weight));
  // runc: memory without a limit means swap without one, too.
  if (memory.limit == -1 && !memory.swap) memory.swap = -1;
  oci::Resources resources;
  resources.memory = memory;
  resources.cpu = cpu;
  resources.pids = pids;
  resources.block_io = block_io;
  return resources;
}

Result<oci::Resources> asked_resources(const Arguments& args) {
  const std::string from = args.text("resources");
  if (from.empty()) return from_flags(args);
  std::string text;
  if (from == "-") {
    Fd input(::dup(STDIN_FILENO));
    HF_TRY(text, with_context(read_all(input, kMaxResources), "resources"));
  } else {
    HF_TRY(text, with_context(read_file(from, kMaxResources), "resources"));
  }
  return with_context(oci::decode_resources(text), "resources");
}

// The latest decision on a limit is the one that holds.
void note(std::vector<Decision>& all, std::vector<Decision> changed) {
  for (Decision& each : changed) {
    std::erase_if(all, [&](const Decision& old) { return old.control == each.control; });
    all.push_back(std::move(each));
  }
}

Result<int> run(const Globals& globals, const Arguments& args) {
  HF_TRY(Container container, find_container(globals, args.operands()[0]));
  HF_TRY(const Status now, container.dir.status(container.state));
  if (now == Status::kStopped || now == Status::kCreating) return error("container not running");
  HF_TRY(const oci::Resources asked, asked_resources(args));
  HF_TRY(Plan plan, container.dir.load_plan());
  HF_TRY(const HostFacts facts, probe_host());
  HF_TRY(const Policy policy, load_policy(facts, subject_of(plan)));
  auto answer = resolve_update(plan, asked, policy, facts.cgroup);
  if (!answer)
    return refused(audit_settings(policy, facts, globals.root), "update", plan.id, plan.profile,
                   std::move(answer).error());
  Update& update = *answer;
  HF_DO(update_cgroups(container.state.cgroups, update.changes));
  plan.cgroup.resources = std::move(update.limits);
  note(plan.decisions, std::move(update.decisions));
  const std::string document = encode_plan(plan);
  HF_DO(container.dir.dir().replace("plan.json", document));
  container.state.plan_digest = sha256_hex(document);
  HF_DO(container.dir.save(container.state));
  return 0;
}

}  // namespace

const Verb kUpdateVerb = {
    .syntax = {.name = "update",
               .operands = "ID",
               .summary = "change the limits of a container",
               .example = "holdfast update --memory 256m --pids-limit 100 web1",
               .flags = kFlags,
               .min_operands = 1,
               .max_operands = 1},
    .run = run};

}  // namespace holdfast
