#include "shim/oci/load_policy.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

#include "core/base/fd.h"
#include "profiles/policy/lattice.h"

namespace holdfast {
namespace {

constexpr char kDirectory[] = "/etc/holdfast";
constexpr char kFile[] = "policy.json";
constexpr size_t kMaxPolicy = 1 << 20;

Result<> check_owner(const Fd& fd, const std::string& path, uid_t owner) {
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return os_error("stat {}", path);
  if (info.st_uid != owner)
    return error("{}: it belongs to uid {}, not to {}", path, info.st_uid, owner);
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) return error("{}: others can write to it", path);
  return {};
}

// The uid that root's files have as we see them: the overflow uid where root is not mapped.
uid_t node_owner(const HostFacts& facts) {
  struct stat etc {};
  if (!facts.in_user_namespace || ::stat("/etc", &etc) != 0) return 0;
  return etc.st_uid;
}

std::string user_directory() {
  const char* config = ::getenv("XDG_CONFIG_HOME");
  if (config && *config == '/') return std::string(config) + "/holdfast";
  const char* home = ::getenv("HOME");
  return home && *home == '/' ? std::string(home) + "/.config/holdfast" : "";
}

}  // namespace

Result<Policy> load_policy_from(const std::string& directory, uid_t owner) {
  const std::string path = directory + "/" + kFile;
  auto dir = DirFd::open(directory, O_PATH);
  if (!dir && dir.error().code == ENOENT) return Policy{};
  if (!dir) return Failure(std::move(dir.error()).wrap("policy"));
  HF_DO(with_context(check_owner(*dir, directory, owner), "policy"));
  auto file = dir->open_at(kFile, O_RDONLY | O_NOFOLLOW);
  if (!file && file.error().code == ENOENT) return Policy{};
  if (!file) return Failure(std::move(file.error()).wrap("policy"));
  HF_DO(with_context(check_owner(*file, path, owner), "policy"));
  HF_TRY(const std::string text, with_context(read_all(*file, kMaxPolicy), "policy: {}", path));
  return with_context(decode_policy(text, path), "policy: {}", path);
}

Policy tighten(const Policy& node, const Policy& user) {
  Policy both = node;
  both.profile = tighten(node.profile, user.profile);
  both.mode = std::min(node.mode, user.mode);
  std::erase_if(both.grants, [&](const Grant& each) {
    return std::none_of(user.grants.begin(), user.grants.end(),
                        [&](const Grant& other) { return other.what == each.what; });
  });
  both.source = fmt::format("{}, {}", node.source, user.source);
  return both;
}

Result<Policy> load_policy(const HostFacts& facts) {
  HF_TRY(Policy node, load_policy_from(kDirectory, node_owner(facts)));
  if (facts.euid == 0 && !facts.in_user_namespace) return node;
  const std::string directory = user_directory();
  if (directory.empty()) return node;
  HF_TRY(const Policy user, load_policy_from(directory, facts.euid));
  // No file of the user's asks for nothing.
  return user.source == Policy{}.source ? node : tighten(node, user);
}

}  // namespace holdfast
