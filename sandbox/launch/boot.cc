#include "sandbox/launch/boot.h"

#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "core/json/codec.h"
#include "sandbox/kernel/cgroup_record.h"

namespace holdfast {

template <class V>
void describe(V& v, BootNotes& b) {
  v.required("cgroups", b.cgroups);
  v.required("initPid", b.init_pid);
  v.required("wantsHooks", b.wants_hooks);
  v.required("parks", b.parks);
  v.required("preserveFds", b.preserve_fds);
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

Result<> write_parts(const Fd& fd, std::array<std::string_view, kParts> parts) {
  Sizes sizes;
  std::array<iovec, kParts + 1> vectors;
  vectors[0] = {sizes.data(), sizeof sizes};
  size_t total = sizeof sizes;
  for (size_t i = 0; i < kParts; ++i) {
    sizes[i] = parts[i].size();
    vectors[i + 1] = {const_cast<char*>(parts[i].data()), parts[i].size()};
    total += parts[i].size();
  }
  const ssize_t put = ::writev(fd.get(), vectors.data(), vectors.size());
  if (put < 0) return os_error("write");
  if (static_cast<size_t>(put) != total) return error("cut short");
  return {};
}

Result<> take_descriptors(std::vector<Fd> descriptors, Boot& boot) {
  const size_t expected = 1 + (boot.parks ? 1 : 0) + (boot.exec ? 1 : 0);
  if (descriptors.size() != expected)
    return error("{} descriptors with the boot record, not {}", descriptors.size(), expected);
  if (boot.parks) boot.start_fifo = std::move(descriptors[1]);
  if (boot.exec) boot.init_pidfd = std::move(descriptors.back());
  return {};
}

}  // namespace

Result<Fd> write_boot(const BootRecord& record) {
  std::string filters;
  for (const auto& each : record.filters)
    filters.append(reinterpret_cast<const char*>(each.data()), each.size() * sizeof(sock_filter));
  const std::string exec = record.exec ? encode_process_plan(*record.exec) : std::string();
  const std::string notes = json::encode(record.notes);

  Fd fd(::memfd_create("holdfast-boot", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return os_error("create the boot record");
  HF_DO(with_context(write_parts(fd, {record.document, exec, notes, filters}), "boot record"));
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return os_error("seal the boot record");
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) return os_error("rewind the boot record");
  return fd;
}

Result<Boot> read_boot(std::vector<Fd> descriptors) {
  if (descriptors.empty()) return error("there is no boot record");
  HF_TRY(const std::string record, read_all(descriptors[0], kMaxRecord));
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
  Boot boot;
  HF_TRY(static_cast<BootNotes&>(boot), json::decode<BootNotes>(parts[2], {.strict = true}));
  HF_TRY(boot.plan, decode_plan(parts[0]));
  if (!parts[1].empty()) {
    HF_TRY(boot.exec, decode_process_plan(parts[1]));
  }
  HF_TRY(boot.filters, split_filters(boot.plan, parts[3]));
  HF_DO(take_descriptors(std::move(descriptors), boot));
  return boot;
}

}  // namespace holdfast
