#include "sandbox/supervise/boot.h"

#include <sys/mman.h>
#include <unistd.h>

#include "core/event/describe_audit.h"
#include "core/json/codec.h"
#include "core/plan/describe_supervision.h"
#include "sandbox/kernel/cgroup_record.h"

namespace holdfast {

template <class V>
void describe(V& v, SupervisorBoot& b) {
  v.required("id", b.id);
  v.field("profile", b.profile);
  v.field("planDigest", b.plan_digest);
  v.required("plan", b.plan);
  v.required("cgroups", b.cgroups);
  v.field("audit", b.audit);
}

Result<Fd> write_supervisor_boot(const SupervisorBoot& boot) {
  Fd record(::memfd_create("holdfast-boot", MFD_CLOEXEC));
  if (!record) return os_error("create the supervisor's boot record");
  HF_DO(write_all(record, json::encode(boot)));
  if (::lseek(record.get(), 0, SEEK_SET) != 0) return os_error("rewind the boot record");
  return record;
}

Result<SupervisorBoot> read_supervisor_boot(const Fd& record) {
  HF_TRY(const std::string text, read_all(record, 64 << 20));
  return with_context(json::decode<SupervisorBoot>(text, {.strict = true}), "boot record");
}

}  // namespace holdfast
