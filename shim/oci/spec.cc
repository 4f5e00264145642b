#include <unistd.h>

#include "core/base/fd.h"
#include "core/oci/default_spec.h"
#include "sandbox/kernel/probe.h"
#include "shim/oci/verb.h"

namespace holdfast {
namespace {

constexpr Flag kFlags[] = {
    {"bundle", 'b', FlagKind::kText, "DIR", "where to write it (default: the current directory)"},
    {"rootless", 0, FlagKind::kSwitch, "", "for a caller who is not root"},
};

Result<int> run(const Globals&, const Arguments& args) {
  HF_TRY(const DirFd bundle, DirFd::open(args.given("bundle") ? args.text("bundle") : "."));
  HF_TRY(const HostFacts facts, probe_host());
  const oci::Spec spec = oci::default_spec({.rootless = args.on("rootless"),
                                            .uid = ::geteuid(),
                                            .gid = ::getegid(),
                                            .cgroup_v2 = facts.cgroup == HostFacts::Cgroup::kV2});
  const auto text = oci::encode_spec(spec, json::Layout::kPretty) + "\n";
  auto made = bundle.create("config.json", text, 0666);
  if (!made && made.error().code == EEXIST)
    return error("File config.json exists. Remove it first");
  if (!made) return Failure(std::move(made).error());
  return 0;
}

}  // namespace

const Verb kSpecVerb = {.syntax = {.name = "spec",
                                   .operands = "",
                                   .summary = "write a config.json to start from",
                                   .example = "holdfast spec --bundle /srv/web",
                                   .flags = kFlags},
                        .run = run};

}  // namespace holdfast
