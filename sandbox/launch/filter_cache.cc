#include "sandbox/launch/filter_cache.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <functional>

#include "core/base/digest.h"
#include "sandbox/kernel/probe.h"
#include "sandbox/launch/cache_directory.h"

namespace holdfast {
namespace {

constexpr size_t kEntries = 256;
constexpr size_t kChecksum = 16;  // hexadecimal digits
constexpr size_t kDigest = 64;    // hexadecimal digits of a SHA-256
constexpr size_t kLargestKey = 256 << 10;
constexpr size_t kLargest = kLargestKey + 2 * kDigest + BPF_MAXINSNS * sizeof(sock_filter);

std::string_view bytes_of(const Filter& filter) {
  return {reinterpret_cast<const char*>(filter.data()), filter.size() * sizeof filter[0]};
}

// Against accidents and for names, where SHA-256 would take longer than all else: who can write here is
// trusted, and a key is compared as a whole.
std::string checksum(std::string_view bytes) {
  return fmt::format("{:016x}", std::hash<std::string_view>{}(bytes));
}

// CHECKSUM of all that follows, DIGEST of the instructions, KEY, instructions.
std::string encode_entry(const std::string& key, const KeptFilter& kept) {
  std::string rest = kept.digest;
  rest += key;
  rest += bytes_of(kept.filter);
  return checksum(rest) + rest;
}

Result<KeptFilter> decode_entry(std::string_view entry, const std::string& key) {
  const std::string_view rest = entry.substr(std::min(kChecksum, entry.size()));
  if (entry.substr(0, kChecksum) != checksum(rest)) return error("it does not match its checksum");
  if (rest.size() < kDigest || rest.substr(kDigest, key.size()) != key)
    return os_error_of(ENOENT, "it is of another description");
  const std::string_view bytes = rest.substr(kDigest + key.size());
  if (bytes.empty() || bytes.size() % sizeof(sock_filter) != 0) return error("it is not a filter");
  KeptFilter kept;
  kept.digest = rest.substr(0, kDigest);
  kept.filter.resize(bytes.size() / sizeof(sock_filter));
  std::memcpy(kept.filter.data(), bytes.data(), bytes.size());
  return kept;
}

// ENOENT in the error's code: there is none.
Result<KeptFilter> load(const DirFd& root, const std::string& name, const std::string& key) {
  HF_TRY(const Fd file, root.open_at(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return os_error("stat {}", name);
  if (!S_ISREG(info.st_mode) || !only_ours(info))
    return error("{} belongs to another user or is writable by others", name);
  HF_TRY(const std::string entry, with_context(read_all(file, kLargest), "read {}", name));
  return with_context(decode_entry(entry, key), "{}", name);
}

Result<KeptFilter> compile_kept(const oci::Seccomp& seccomp, CompileOptions options) {
  KeptFilter kept;
  HF_TRY(kept.filter, compile(seccomp, options));
  kept.digest = sha256_hex(bytes_of(kept.filter));
  return kept;
}

struct Entry {
  std::string name;
  timespec changed;
};

bool older(const timespec& a, const timespec& b) {
  return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

// Removes the oldest entry when there are more than kEntries: a write adds at most one.
Result<> collect(const DirFd& root) {
  HF_TRY(const auto names, root.list());
  if (names.size() <= kEntries) return {};
  std::vector<Entry> entries;
  for (const auto& name : names) {
    struct stat info {};
    if (::fstatat(root.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0)
      entries.push_back({name, info.st_mtim});
  }
  while (entries.size() > kEntries) {
    size_t oldest = 0;
    for (size_t i = 1; i < entries.size(); ++i)
      if (older(entries[i].changed, entries[oldest].changed)) oldest = i;
    HF_DO(root.unlink(entries[oldest].name));
    entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(oldest));
  }
  return {};
}

}  // namespace

Result<FilterCache> FilterCache::open(const std::string& root) {
  auto directory = open_cache(root);
  FilterCache cache(directory ? std::move(*directory) : DirFd());
  if (!directory) cache.problem_ = "seccomp filter cache: " + directory.error().message;
  return cache;
}

Result<KeptFilter> FilterCache::get(const oci::Seccomp& seccomp, CompileOptions options) const {
  cached_ = false;
  if (!root_) return compile_kept(seccomp, options);
  const std::string key = cache_key(seccomp, options);
  if (key.size() > kLargestKey) return compile_kept(seccomp, options);
  const std::string name = checksum(key);
  auto found = load(root_, name, key);
  if (found) {
    cached_ = true;
    return std::move(*found);
  }
  if (found.error().code != ENOENT) problem_ = "seccomp filter cache: " + found.error().message;
  HF_TRY(KeptFilter kept, compile_kept(seccomp, options));
  keep(name, encode_entry(key, kept));
  return kept;
}

void FilterCache::keep(const std::string& name, const std::string& entry) const {
  auto done = root_.replace(name, entry, 0600);
  if (done) done = collect(root_);
  if (!done) problem_ = "seccomp filter cache: " + done.error().message;
}

std::string default_cache_root() {
  const char* runtime_dir = std::getenv("XDG_RUNTIME_DIR");
  const bool users = ::geteuid() != 0 || (runtime_dir && in_user_namespace());
  if (!users) return "/run/holdfast/.cache";
  if (runtime_dir && runtime_dir[0] == '/') return fmt::format("{}/holdfast/.cache", runtime_dir);
  return fmt::format("/run/user/{}/holdfast/.cache", ::geteuid());
}

}  // namespace holdfast
