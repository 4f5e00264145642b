#include "profiles/seccomp/engine_profile.h"

#include <linux/audit.h>

#include <algorithm>
#include <cstring>

#include "core/base/text.h"
#include "core/json/codec.h"
#include "core/oci/describe/seccomp.h"
#include "core/plan/capability_names.h"
#include "profiles/seccomp/library.h"

namespace holdfast {
namespace profile_file {

struct Condition {
  oci::Strings caps, arches;
  std::string min_kernel;
};

struct Rule {
  std::string name;
  oci::Strings names;
  oci::SeccompAction action = oci::SeccompAction::kErrno;
  std::optional<uint32_t> errno_ret;
  std::string errno_name;
  std::vector<oci::SeccompArg> args;
  Condition includes, excludes;
};

struct ArchitectureMap {
  std::string architecture;
  oci::Strings sub_architectures;
};

struct File {
  oci::SeccompAction default_action = oci::SeccompAction::kErrno;
  std::optional<uint32_t> default_errno_ret;
  std::string default_errno;
  oci::Strings architectures, flags;
  std::vector<ArchitectureMap> arch_map;
  std::string listener_path, listener_metadata;
  std::vector<Rule> syscalls;
};

template <class V>
void describe(V& v, Condition& c) {
  v.field("caps", c.caps);
  v.field("arches", c.arches);
  v.field("minKernel", c.min_kernel);
}

template <class V>
void describe(V& v, Rule& r) {
  v.field("name", r.name);
  v.field("names", r.names);
  v.required("action", r.action);
  v.field("errnoRet", r.errno_ret);
  v.field("errno", r.errno_name);
  v.field("args", r.args);
  v.field("includes", r.includes);
  v.field("excludes", r.excludes);
  v.check(r.name.empty() || r.names.empty(), "name", "stands beside names");
}

template <class V>
void describe(V& v, ArchitectureMap& m) {
  v.required("architecture", m.architecture);
  v.field("subArchitectures", m.sub_architectures);
}

template <class V>
void describe(V& v, File& f) {
  v.required("defaultAction", f.default_action);
  v.field("defaultErrnoRet", f.default_errno_ret);
  v.field("defaultErrno", f.default_errno);
  v.field("architectures", f.architectures);
  v.field("flags", f.flags);
  v.field("archMap", f.arch_map);
  v.field("listenerPath", f.listener_path);
  v.field("listenerMetadata", f.listener_metadata);
  v.field("syscalls", f.syscalls);
  v.check(f.architectures.empty() || f.arch_map.empty(), "archMap", "stands beside architectures");
}

}  // namespace profile_file
namespace {

using profile_file::Condition;

struct ArchitectureRow {
  uint32_t arch;
  std::string_view engine, library;
};
constexpr ArchitectureRow kArchitectures[] = {
    {AUDIT_ARCH_X86_64, "amd64", "SCMP_ARCH_X86_64"},
    {AUDIT_ARCH_I386, "x86", "SCMP_ARCH_X86"},
    {AUDIT_ARCH_AARCH64, "arm64", "SCMP_ARCH_AARCH64"},
    {AUDIT_ARCH_ARM, "arm", "SCMP_ARCH_ARM"},
    {AUDIT_ARCH_RISCV64, "riscv64", "SCMP_ARCH_RISCV64"},
    {AUDIT_ARCH_S390X, "s390x", "SCMP_ARCH_S390X"},
    {AUDIT_ARCH_PPC64LE, "ppc64le", "SCMP_ARCH_PPC64LE"},
};

const ArchitectureRow* row_of(uint32_t arch) {
  for (const ArchitectureRow& row : kArchitectures)
    if (row.arch == arch) return &row;
  return nullptr;
}

Result<std::pair<int, int>> kernel_version(std::string_view text) {
  const size_t dot = text.find('.');
  const auto major = parse_number<int>(text.substr(0, dot));
  const auto minor =
      dot == std::string_view::npos ? std::nullopt : parse_number<int>(text.substr(dot + 1));
  if (!major || !minor) return error("minKernel: \"{}\" is no version like 4.8", text);
  return std::pair(*major, *minor);
}

Result<uint32_t> errno_number(std::string_view name) {
  for (int number = 1; number < 134; ++number)
    if (const char* known = ::strerrorname_np(number); known && name == known)
      return static_cast<uint32_t>(number);
  return error("\"{}\" is the name of no error", name);
}

class Reader {
 public:
  Reader(const EngineFacts& facts, const ArchitectureRow& arch) : facts_(facts), arch_(arch) {}

  Result<EngineProfile> read(profile_file::File file) const;

 private:
  bool has_capability(const std::string& name) const {
    const auto number = capability_number(name);
    return number && (facts_.capabilities >> *number & 1) != 0;
  }
  Result<bool> is_new_enough(const std::string& version) const {
    HF_TRY(const auto asked, kernel_version(version));
    return facts_.kernel == std::pair(0, 0) || facts_.kernel >= asked;
  }
  bool lists_us(const oci::Strings& arches) const {
    return std::find(arches.begin(), arches.end(), arch_.engine) != arches.end();
  }
  Result<bool> holds(const Condition& includes, const Condition& excludes) const;
  oci::Strings architectures(const profile_file::File& file) const;

  const EngineFacts& facts_;
  const ArchitectureRow& arch_;
};

// Every capability that `includes` names must be there, of those of `excludes` none.
Result<bool> Reader::holds(const Condition& includes, const Condition& excludes) const {
  if (!excludes.arches.empty() && lists_us(excludes.arches)) return false;
  for (const std::string& name : excludes.caps)
    if (has_capability(name)) return false;
  if (!excludes.min_kernel.empty()) {
    HF_TRY(const bool newer, is_new_enough(excludes.min_kernel));
    if (newer) return false;
  }
  if (!includes.arches.empty() && !lists_us(includes.arches)) return false;
  for (const std::string& name : includes.caps)
    if (!has_capability(name)) return false;
  if (!includes.min_kernel.empty()) return is_new_enough(includes.min_kernel);
  return true;
}

oci::Strings Reader::architectures(const profile_file::File& file) const {
  for (const profile_file::ArchitectureMap& map : file.arch_map) {
    if (map.architecture != arch_.library) continue;
    oci::Strings all{map.architecture};
    all.insert(all.end(), map.sub_architectures.begin(), map.sub_architectures.end());
    return all;
  }
  return file.architectures;
}

Result<EngineProfile> Reader::read(profile_file::File file) const {
  EngineProfile profile;
  oci::Seccomp& seccomp = profile.seccomp;
  seccomp.default_action = file.default_action;
  seccomp.default_errno_ret = file.default_errno_ret;
  if (!file.default_errno.empty()) {
    HF_TRY(seccomp.default_errno_ret,
           with_context(errno_number(file.default_errno), "defaultErrno"));
  }
  seccomp.architectures = architectures(file);
  seccomp.flags = std::move(file.flags);
  seccomp.listener_path = std::move(file.listener_path);
  seccomp.listener_metadata = std::move(file.listener_metadata);
  for (size_t i = 0; i < file.syscalls.size(); ++i) {
    profile_file::Rule& rule = file.syscalls[i];
    HF_TRY(const bool applies,
           with_context(holds(rule.includes, rule.excludes), "syscalls[{}]", i));
    if (!applies) continue;
    if (!rule.name.empty()) rule.names.push_back(rule.name);
    if (!rule.errno_name.empty()) {
      HF_TRY(rule.errno_ret, with_context(errno_number(rule.errno_name), "syscalls[{}].errno", i));
    }
    seccomp.syscalls.push_back(
        {std::move(rule.names), rule.action, rule.errno_ret, std::move(rule.args)});
    profile.places.push_back(i);
  }
  return profile;
}

}  // namespace

Result<EngineProfile> decode_engine_profile(std::string_view text, const EngineFacts& facts) {
  HF_TRY(profile_file::File file, json::decode<profile_file::File>(text));
  const uint32_t arch =
      facts.architecture != 0 ? facts.architecture : seccomp::native_architecture();
  const ArchitectureRow* const row = row_of(arch);
  if (row == nullptr) return error("no engine runs on architecture {:#x}", arch);
  return Reader(facts, *row).read(std::move(file));
}

}  // namespace holdfast
