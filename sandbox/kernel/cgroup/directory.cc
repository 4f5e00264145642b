#include "sandbox/kernel/cgroup/directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/kernel/cgroup/control.h"
#include "sandbox/kernel/cgroup/hierarchy.h"
#include "sandbox/kernel/cgroup/place.h"

namespace holdfast::cgroup {
namespace {

std::string parent_of(const std::string& directory) {
  return directory.substr(0, directory.rfind('/'));
}

// mkdir -p; true if the last one is new. The usual case is one system call.
Result<bool> make_directory(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0755) == 0) return true;
  if (errno == EEXIST) return false;
  if (errno != ENOENT || directory.rfind('/') == 0) return os_error("create cgroup {}", directory);
  HF_TRY([[maybe_unused]] const bool parent, make_directory(parent_of(directory)));
  if (::mkdir(directory.c_str(), 0755) == 0) return true;
  if (errno == EEXIST) return false;
  return os_error("create cgroup {}", directory);
}

Result<> check_unused(const std::string& directory) {
  std::vector<pid_t> pids;
  HF_DO(collect_processes(directory, pids));
  if (!pids.empty())
    return error("container's cgroup {} is not empty: {} process(es) found", directory,
                 pids.size());
  HF_TRY(const auto v1, read_control(directory, "freezer.state"));
  HF_TRY(const auto v2, read_control(directory, "cgroup.freeze"));
  if ((v1 && *v1 != "THAWED") || (v2 && *v2 == "1"))
    return error("container's cgroup {} is frozen", directory);
  return {};
}

// A file of cpuset, empty if it does not exist (the mount option "noprefix", a plain directory).
Result<std::string> cpuset(const std::string& directory, std::string_view file) {
  HF_TRY(auto text, read_control(directory, file));
  return std::string(trim(text.value_or("")));
}

bool is_cgroup(const std::string& directory, const char* file) {
  return ::access(fmt::format("{}/{}", directory, file).c_str(), F_OK) == 0;
}

// Writes "+name" for each; a refusal of one must not cost the others.
Result<> hand_down(const std::string& directory, const std::vector<std::string>& names,
                   bool must_have) {
  if (names.empty()) return {};
  std::string all;
  for (const std::string& each : names) all += fmt::format("{}+{}", all.empty() ? "" : " ", each);
  auto written = write_control(directory, "cgroup.subtree_control", all);
  if (written) return {};
  if (must_have) {
    if (written.error().code == EBUSY)
      return os_error_of(
          EBUSY,
          "enable the controllers {} in {}: it has processes of its own, and such a cgroup of "
          "version 2 cannot hand controllers down",
          all, directory);
    return written;
  }
  if (names.size() > 1)
    for (const std::string& each : names)
      (void)write_control(directory, "cgroup.subtree_control", fmt::format("+{}", each));
  return {};
}

}  // namespace

Result<> make_directories(const CgroupRecord& record, bool may_be_used,
                          std::vector<const CgroupRecord::Directory*>& made) {
  for (const auto& each : record.directories) {
    HF_TRY(const bool fresh, make_directory(each.directory));
    if (fresh)
      made.push_back(&each);
    else if (!may_be_used)
      HF_DO(check_unused(each.directory));
  }
  return {};
}

Result<> inherit_cpuset(const std::string& directory) {
  for (const char* file : {"cpuset.cpus", "cpuset.mems"}) {
    HF_TRY(const std::string own, cpuset(directory, file));
    if (!own.empty()) continue;
    const std::string parent = parent_of(directory);
    if (!is_cgroup(parent, file)) return error("{}: no cgroup above it has a {}", directory, file);
    HF_TRY(std::string value, cpuset(parent, file));
    if (value.empty()) {
      HF_DO(inherit_cpuset(parent));
      HF_TRY(value, cpuset(parent, file));
    }
    HF_DO(write_control(directory, file, value));
  }
  return {};
}

Result<> enable_controllers(const std::string& directory, const std::vector<std::string>& wanted) {
  // From the root downwards: a cgroup can only hand down what it was given.
  std::vector<std::string> ancestors;
  for (std::string each = parent_of(directory); is_cgroup(each, "cgroup.subtree_control");
       each = parent_of(each))
    ancestors.push_back(each);
  for (auto each = ancestors.rbegin(); each != ancestors.rend(); ++each) {
    HF_TRY(const auto given, read_control(*each, "cgroup.controllers"));
    HF_TRY(const auto handed, read_control(*each, "cgroup.subtree_control"));
    const std::string down = handed.value_or(""), has = given.value_or("");
    std::vector<std::string> missing;
    for (const std::string_view name : split(has, ' '))
      if (!lists(down, name, ' ') && (wanted.empty() || lists(join(wanted, " "), name, ' ')))
        missing.emplace_back(name);
    HF_DO(hand_down(*each, missing, !wanted.empty()));
  }
  return {};
}

}  // namespace holdfast::cgroup
