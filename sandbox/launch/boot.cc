#include "sandbox/launch/boot.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "core/json/codec.h"
#include "sandbox/kernel/cgroup_record.h"

namespace holdfast {

template <class V>
void describe(V& v, Boot& b) {
  v.required("cgroups", b.cgroups);
  v.required("channel", b.channel);
  v.required("startFifo", b.start_fifo);
  v.required("initPidfd", b.init_pidfd);
  v.required("initPid", b.init_pid);
  v.required("wantsHooks", b.wants_hooks);
}

namespace {

// The record's parts, each with its size in front of all of them: the plan, the further process
// (may be empty), the rest as JSON, and the filters' instructions.
constexpr size_t kParts = 4;
using Sizes = std::array<uint64_t, kParts>;
constexpr size_t kMaxRecord = 64 << 20;

Result<std::vector<Filter>> split_filters(const Plan& plan, std::string_view bytes) {
  std::vector<Filter> filters;
  for (const auto& each : plan.filters) {
    const size_t size = each.instructions * sizeof(sock_filter);
    if (bytes.size() < size) return error("the boot record's filters are cut short");
    Filter filter(each.instructions);
    std::memcpy(filter.data(), bytes.data(), size);
    filters.push_back(std::move(filter));
    bytes.remove_prefix(size);
  }
  return filters;
}

}  // namespace

Result<Fd> write_boot(const Boot& boot) {
  std::string filters;
  for (const auto& each : boot.filters)
    filters.append(reinterpret_cast<const char*>(each.data()), each.size() * sizeof(sock_filter));
  const std::array<std::string, kParts> parts = {
      encode_plan(boot.plan), boot.exec ? encode_process_plan(*boot.exec) : std::string(),
      json::encode(boot), std::move(filters)};
  Sizes sizes;
  for (size_t i = 0; i < kParts; ++i) sizes[i] = parts[i].size();
  std::string record(reinterpret_cast<const char*>(sizes.data()), sizeof sizes);
  for (const auto& part : parts) record += part;

  Fd fd(::memfd_create("holdfast-boot", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return os_error("create the boot record");
  HF_DO(with_context(write_all(fd, record), "boot record"));
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return os_error("seal the boot record");
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) return os_error("rewind the boot record");
  return fd;
}

Result<Boot> read_boot(const Fd& fd) {
  HF_TRY(std::string record, read_all(fd, kMaxRecord));
  Sizes sizes;
  if (record.size() < sizeof sizes) return error("the boot record is cut short");
  std::memcpy(sizes.data(), record.data(), sizeof sizes);
  std::string_view rest = std::string_view(record).substr(sizeof sizes);
  std::array<std::string_view, kParts> parts;
  for (size_t i = 0; i < kParts; ++i) {
    if (rest.size() < sizes[i]) return error("the boot record is cut short");
    parts[i] = rest.substr(0, sizes[i]);
    rest.remove_prefix(sizes[i]);
  }
  HF_TRY(Boot boot, json::decode<Boot>(parts[2], {.strict = true}));
  HF_TRY(boot.plan, decode_plan(parts[0]));
  if (!parts[1].empty()) {
    HF_TRY(boot.exec, decode_process_plan(parts[1]));
  }
  HF_TRY(boot.filters, split_filters(boot.plan, parts[3]));
  return boot;
}

}  // namespace holdfast
