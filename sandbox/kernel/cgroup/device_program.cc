// The device rules of version 2: a BPF program per container (bpf(2), linux/bpf.h).
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

#include "core/base/fd.h"
#include "sandbox/kernel/cgroup/device_rules.h"

namespace holdfast::cgroup {
namespace {

static_assert(sizeof(Instruction) == sizeof(bpf_insn));

// How a program of ours is recognised when it is replaced.
constexpr char kName[] = "holdfast_dev";
// The kernel wants a licence that is compatible with the GPL only for helpers that we do not call.
constexpr char kLicence[] = "Dual BSD/GPL";

enum Register : uint8_t {
  kResult = 0,
  kContext = 1,
  kType = 2,
  kAccess = 3,
  kMajor = 4,
  kMinor = 5
};

Instruction make(int code, uint8_t destination, uint8_t source, int16_t offset, int32_t immediate) {
  return {static_cast<uint8_t>(code), static_cast<uint8_t>(destination | source << 4), offset,
          immediate};
}
Instruction load(Register to, size_t offset) {
  return make(BPF_LDX | BPF_MEM | BPF_W, to, kContext, static_cast<int16_t>(offset), 0);
}

int bpf(bpf_cmd command, bpf_attr& attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes));
}

Result<Fd> load_program(const std::vector<Instruction>& program) {
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = reinterpret_cast<uintptr_t>(program.data());
  attributes.insn_cnt = static_cast<uint32_t>(program.size());
  attributes.license = reinterpret_cast<uintptr_t>(kLicence);
  std::memcpy(attributes.prog_name, kName, sizeof kName);
  Fd fd(bpf(BPF_PROG_LOAD, attributes));
  if (!fd) return os_error("load the device program ({} instructions)", program.size());
  return fd;
}

Result<bpf_prog_info> info_of(const Fd& program) {
  bpf_prog_info info{};
  bpf_attr about{};
  about.info.bpf_fd = static_cast<uint32_t>(program.get());
  about.info.info_len = sizeof info;
  about.info.info = reinterpret_cast<uintptr_t>(&info);
  if (bpf(BPF_OBJ_GET_INFO_BY_FD, about) != 0) return os_error("inspect a device program");
  return info;
}

// The program of ours that is attached to the directory; an empty Fd if there is none.
Result<Fd> attached(const Fd& directory) {
  uint32_t ids[64] = {};
  bpf_attr query{};
  query.query.target_fd = static_cast<uint32_t>(directory.get());
  query.query.attach_type = BPF_CGROUP_DEVICE;
  query.query.prog_ids = reinterpret_cast<uintptr_t>(ids);
  query.query.prog_cnt = 64;
  if (bpf(BPF_PROG_QUERY, query) != 0) return os_error("list the device programs");
  for (uint32_t i = 0; i < query.query.prog_cnt; ++i) {
    bpf_attr by_id{};
    by_id.prog_id = ids[i];
    Fd fd(bpf(BPF_PROG_GET_FD_BY_ID, by_id));
    if (!fd) continue;  // gone meanwhile
    HF_TRY(const bpf_prog_info info, info_of(fd));
    if (std::strncmp(info.name, kName, sizeof info.name) == 0) return fd;
  }
  return Fd();
}

}  // namespace

std::vector<Instruction> device_program(const DeviceSet& set) {
  std::vector<Instruction> program{
      load(kType, offsetof(bpf_cgroup_dev_ctx, access_type)),
      make(BPF_ALU64 | BPF_MOV | BPF_X, kAccess, kType, 0, 0),
      make(BPF_ALU64 | BPF_RSH | BPF_K, kAccess, 0, 0, 16),
      make(BPF_ALU64 | BPF_AND | BPF_K, kType, 0, 0, 0xffff),
      load(kMajor, offsetof(bpf_cgroup_dev_ctx, major)),
      load(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)),
  };
  for (const DeviceException& each : set.exceptions) {
    std::vector<Instruction> test;  // each comparison jumps to the next exception if it fails
    const auto unequal = [&test](Register left, int64_t right) {
      test.push_back(make(BPF_JMP | BPF_JNE | BPF_K, left, 0, 0, static_cast<int32_t>(right)));
    };
    unequal(kType, each.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    if (each.access != kAllAccess) {
      // The context is not needed any more: its register holds the part of the request that is
      // named.
      test.push_back(make(BPF_ALU64 | BPF_MOV | BPF_X, kContext, kAccess, 0, 0));
      test.push_back(make(BPF_ALU64 | BPF_AND | BPF_K, kContext, 0, 0, each.access));
      if (set.allow)
        test.push_back(make(BPF_JMP | BPF_JEQ | BPF_K, kContext, 0, 0, 0));
      else
        test.push_back(make(BPF_JMP | BPF_JNE | BPF_X, kContext, kAccess, 0, 0));
    }
    if (each.major != -1) unequal(kMajor, each.major);
    if (each.minor != -1) unequal(kMinor, each.minor);
    test.push_back(make(BPF_ALU64 | BPF_MOV | BPF_K, kResult, 0, 0, set.allow ? 0 : 1));
    test.push_back(make(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
    for (size_t i = 0; i < test.size(); ++i)
      if ((test[i].code & 0x07) == BPF_JMP && (test[i].code & 0xf0) != BPF_EXIT)
        test[i].offset = static_cast<int16_t>(test.size() - i - 1);
    program.insert(program.end(), test.begin(), test.end());
  }
  program.push_back(make(BPF_ALU64 | BPF_MOV | BPF_K, kResult, 0, 0, set.allow ? 1 : 0));
  program.push_back(make(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  return program;
}

Result<> attach_device_program(const std::string& directory, const DeviceSet& set) {
  const Fd target(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!target) return os_error("open cgroup {}", directory);
  HF_TRY(const Fd old, with_context(attached(target), "{}", directory));
  bpf_attr attributes{};
  attributes.target_fd = static_cast<uint32_t>(target.get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  if (set.allow && set.exceptions.empty()) {
    // Everything is allowed: a program would cost at every open.
    if (!old) return {};
    attributes.attach_bpf_fd = static_cast<uint32_t>(old.get());
    if (bpf(BPF_PROG_DETACH, attributes) != 0)
      return os_error("{}: detach the device program", directory);
    return {};
  }
  HF_TRY(const Fd fresh, load_program(device_program(set)));
  attributes.attach_bpf_fd = static_cast<uint32_t>(fresh.get());
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  if (old) {
    attributes.attach_flags |= BPF_F_REPLACE;
    attributes.replace_bpf_fd = static_cast<uint32_t>(old.get());
  }
  if (bpf(BPF_PROG_ATTACH, attributes) != 0)
    return os_error("{}: attach the device program", directory);
  return {};
}

Result<std::string> compare_device_program(const std::string& directory, const DeviceSet& set,
                                           bool instructions) {
  const Fd target(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!target) return os_error("open cgroup {}", directory);
  HF_TRY(const Fd seen, with_context(attached(target), "{}", directory));
  const bool wanted = !set.allow || !set.exceptions.empty();
  if (wanted != static_cast<bool>(seen))
    return fmt::format("{} device program is attached to {}", wanted ? "no" : "a", directory);
  if (!wanted || !instructions) return std::string();
  // The kernel's tag is a digest of the instructions as they were loaded (bpf_prog_calc_tag).
  HF_TRY(const Fd expected, load_program(device_program(set)));
  HF_TRY(const bpf_prog_info there, info_of(seen));
  HF_TRY(const bpf_prog_info planned, info_of(expected));
  if (std::memcmp(there.tag, planned.tag, sizeof there.tag) != 0)
    return fmt::format("another device program is attached to {}", directory);
  return std::string();
}

}  // namespace holdfast::cgroup
