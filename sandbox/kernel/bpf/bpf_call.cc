#include "sandbox/kernel/bpf/bpf_call.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace holdfast::bpf {
namespace {

constexpr uint32_t kMostPrograms = 64;  // BPF_CGROUP_MAX_PROGS
constexpr uint32_t kMostMaps = 64;      // MAX_USED_MAPS

int call(bpf_cmd command, bpf_attr& attributes) {
  return static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes));
}
uint32_t number(const Fd& fd) { return static_cast<uint32_t>(fd.get()); }
uint64_t pointer(const void* to) { return reinterpret_cast<uintptr_t>(to); }

std::string name_in(const char (&name)[BPF_OBJ_NAME_LEN]) {
  return std::string(name, ::strnlen(name, sizeof name));
}

template <class Info>
Result<> info_of(const Fd& object, Info& info) {
  bpf_attr about{};
  about.info.bpf_fd = number(object);
  about.info.info_len = sizeof info;
  about.info.info = pointer(&info);
  if (call(BPF_OBJ_GET_INFO_BY_FD, about) != 0) return os_error("inspect a BPF object");
  return {};
}

}  // namespace

Result<Fd> open_pinned(const std::string& path) {
  bpf_attr attributes{};
  attributes.pathname = pointer(path.c_str());
  Fd fd(call(BPF_OBJ_GET, attributes));
  if (!fd) return os_error("open {}", path);
  return fd;
}

Result<std::vector<uint32_t>> attached(const Fd& cgroup, bpf_attach_type type) {
  std::vector<uint32_t> ids(kMostPrograms);
  bpf_attr query{};
  query.query.target_fd = number(cgroup);
  query.query.attach_type = type;
  query.query.prog_ids = pointer(ids.data());
  query.query.prog_cnt = kMostPrograms;
  if (call(BPF_PROG_QUERY, query) != 0) return os_error("list the programs of a cgroup");
  ids.resize(std::min(query.query.prog_cnt, kMostPrograms));
  return ids;
}

Result<> attach(const Fd& program, const Fd& cgroup, bpf_attach_type type) {
  bpf_attr attributes{};
  attributes.target_fd = number(cgroup);
  attributes.attach_bpf_fd = number(program);
  attributes.attach_type = type;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  if (call(BPF_PROG_ATTACH, attributes) == 0) return {};
  const int code = errno;
  // The kernel says EINVAL of a program that is there already.
  if (code == EINVAL) {
    HF_TRY(const ProgramInfo own, program_info(program));
    HF_TRY(const auto ids, attached(cgroup, type));
    if (std::find(ids.begin(), ids.end(), own.id) != ids.end()) return {};
  }
  return os_error_of(code, "attach a program to the cgroup");
}

Result<Fd> program_of(uint32_t id) {
  bpf_attr attributes{};
  attributes.prog_id = id;
  Fd fd(call(BPF_PROG_GET_FD_BY_ID, attributes));
  if (!fd) return os_error("open BPF program {}", id);
  return fd;
}

Result<ProgramInfo> program_info(const Fd& program) {
  ProgramInfo found;
  found.maps.resize(kMostMaps);
  bpf_prog_info info{};
  info.nr_map_ids = kMostMaps;
  info.map_ids = pointer(found.maps.data());
  HF_DO(info_of(program, info));
  found.maps.resize(std::min(info.nr_map_ids, kMostMaps));
  found.name = name_in(info.name);
  found.id = info.id;
  return found;
}

Result<Fd> map_of(uint32_t id) {
  bpf_attr attributes{};
  attributes.map_id = id;
  Fd fd(call(BPF_MAP_GET_FD_BY_ID, attributes));
  if (!fd) return os_error("open BPF map {}", id);
  return fd;
}

Result<MapInfo> map_info(const Fd& map) {
  bpf_map_info info{};
  HF_DO(info_of(map, info));
  return MapInfo{name_in(info.name), info.id, info.max_entries, info.value_size};
}

Result<> update(const Fd& map, const void* key, const void* value) {
  bpf_attr attributes{};
  attributes.map_fd = number(map);
  attributes.key = pointer(key);
  attributes.value = pointer(value);
  if (call(BPF_MAP_UPDATE_ELEM, attributes) != 0) return os_error("write to a BPF map");
  return {};
}

Result<> look_up(const Fd& map, const void* key, void* value) {
  bpf_attr attributes{};
  attributes.map_fd = number(map);
  attributes.key = pointer(key);
  attributes.value = pointer(value);
  if (call(BPF_MAP_LOOKUP_ELEM, attributes) != 0) return os_error("read from a BPF map");
  return {};
}

Result<> try_cgroup_program() {
  const bpf_insn allow[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 1},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
  attributes.expected_attach_type = BPF_CGROUP_INET4_CONNECT;
  attributes.insns = pointer(allow);
  attributes.insn_cnt = 2;
  attributes.license = pointer("Dual BSD/GPL");
  const Fd program(call(BPF_PROG_LOAD, attributes));
  if (!program) return os_error("load a BPF program for cgroups");
  return {};
}

SharedMemory::~SharedMemory() {
  if (address_) ::munmap(address_, size_);
}

Result<SharedMemory> SharedMemory::map(const Fd& map, size_t size, size_t offset, bool writable) {
  void* address = ::mmap(nullptr, size, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
                         map.get(), static_cast<off_t>(offset));
  if (address == MAP_FAILED) return os_error("map the memory of a BPF map");
  return SharedMemory(address, size);
}

}  // namespace holdfast::bpf
