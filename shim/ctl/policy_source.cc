#include "shim/ctl/policy_source.h"

#include <sys/stat.h>
#include <unistd.h>

#include "shim/oci/load_policy.h"

namespace holdfast::ctl {

Result<PolicySet> policy_from(const std::string& directory) {
  // Of another directory nobody expects that it is root's: it is looked at and not obeyed.
  struct stat info {};
  if (directory != kNodeDirectory && ::stat(directory.c_str(), &info) != 0)
    return os_error("open {}", directory);
  return load_policy_from(directory, directory == kNodeDirectory ? 0 : info.st_uid);
}

Result<PolicySet> policy_of(const Arguments& args) {
  return policy_from(args.given("policy") ? args.text("policy") : kNodeDirectory);
}

}  // namespace holdfast::ctl
