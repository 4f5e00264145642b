#include "sandbox/kernel/cgroup/systemd.h"

namespace holdfast::cgroup {

Result<> plan_unit(CgroupRecord&, const Hierarchies&, const std::string&, const std::string&) {
  return error("the systemd cgroup driver is not built in");
}
Result<> start_unit(const CgroupRecord&, const oci::Resources&, pid_t) {
  return error("the systemd cgroup driver is not built in");
}
Result<> set_unit_properties(const CgroupRecord&, const oci::Resources&) {
  return error("the systemd cgroup driver is not built in");
}
Result<> stop_unit(const CgroupRecord&) {
  return error("the systemd cgroup driver is not built in");
}

}  // namespace holdfast::cgroup
