// bpf(2), as far as using programs and maps that are loaded already needs it.
//
//   HF_TRY(const Fd program, bpf::open_pinned("/sys/fs/bpf/holdfast/network-1f2e/hf_connect4"));
//   HF_DO(bpf::attach(program, cgroup, BPF_CGROUP_INET4_CONNECT));
//
// Loading is another program's work (shim/network), so that libbpf stays out of this one.
#pragma once

#include <linux/bpf.h>

#include <string>
#include <vector>

#include "core/base/fd.h"

namespace holdfast::bpf {

// What bpffs shows under a path.
Result<Fd> open_pinned(const std::string& path);

// Beside other programs of the same kind (BPF_F_ALLOW_MULTI), for as long as the cgroup exists. Attached
// already is no error.
Result<> attach(const Fd& program, const Fd& cgroup, bpf_attach_type type);
// Ids of the programs that are attached to the cgroup itself.
Result<std::vector<uint32_t>> attached(const Fd& cgroup, bpf_attach_type type);

struct ProgramInfo {
  std::string name;
  uint32_t id = 0;
  std::vector<uint32_t> maps;  // ids
};
Result<Fd> program_of(uint32_t id);
Result<ProgramInfo> program_info(const Fd& program);

struct MapInfo {
  std::string name;
  uint32_t id = 0, entries = 0, value_size = 0;
};
Result<Fd> map_of(uint32_t id);
Result<MapInfo> map_info(const Fd& map);

// `value` is as large as the map's values are.
Result<> update(const Fd& map, const void* key, const void* value);
// Code ENOENT where there is none.
Result<> look_up(const Fd& map, const void* key, void* value);

// Whether the kernel lets us load a program for cgroups, by loading the shortest there is.
Result<> try_cgroup_program();

// Memory of a map (a BPF_F_MMAPABLE array, a ring buffer), shared with the kernel.
class SharedMemory {
 public:
  SharedMemory() = default;
  SharedMemory(SharedMemory&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), size_(other.size_) {}
  SharedMemory& operator=(SharedMemory other) noexcept {
    std::swap(address_, other.address_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~SharedMemory();
  // `offset`: a multiple of the page.
  static Result<SharedMemory> map(const Fd& map, size_t size, size_t offset = 0,
                                  bool writable = true);

  void* data() const { return address_; }

 private:
  SharedMemory(void* address, size_t size) : address_(address), size_(size) {}
  void* address_ = nullptr;
  size_t size_ = 0;
};

}  // namespace holdfast::bpf
