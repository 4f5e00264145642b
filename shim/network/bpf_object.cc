#include "shim/network/bpf_object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <vector>

#include "core/base/fd.h"
#include "sandbox/kernel/bpf/network_abi.h"

// The object file as clang made it.
__asm__(
    ".section .rodata\n"
    ".balign 16\n"
    "hf_network_object:\n"
    ".incbin \"" HF_NET_OBJECT_FILE
    "\"\n"
    "hf_network_object_end:\n"
    ".previous\n");
extern "C" const char hf_network_object[], hf_network_object_end[];

namespace holdfast {
namespace {

// What libbpf and the verifier complained of: the end of it says why.
std::string complaints;  // NOLINT: a callback without a context

int keep(libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_WARN) return 0;
  char line[1024];
  const int size = std::vsnprintf(line, sizeof line, format, arguments);
  if (size > 0) complaints += line;
  if (complaints.size() > 8192) complaints.erase(0, complaints.size() - 8192);
  return size;
}

Failure complain(std::string_view what) {
  std::string why = complaints;
  for (char& each : why)
    if (each == '\n') each = ' ';
  return os_error("{} ({})", what, trim(why));
}

class Object {
 public:
  explicit Object(bpf_object* object) : object_(object) {}
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  ~Object() { bpf_object__close(object_); }
  bpf_object* get() const { return object_; }

 private:
  bpf_object* object_;
};

Result<Fd> pinned(const std::string& directory, const char* name) {
  const std::string path = fmt::format("{}/{}", directory, name);
  Fd fd(::bpf_obj_get(path.c_str()));
  if (!fd) return os_error("open {}", path);
  return fd;
}

Result<> pin(int fd, const std::string& directory, const char* name) {
  const std::string path = fmt::format("{}/{}", directory, name);
  if (bpf_obj_pin(fd, path.c_str()) != 0) return os_error("pin {}", path);
  return {};
}

// One by one: what libbpf does for all of them at once changes dots in the path.
Result<> pin_all(bpf_object* object, const std::string& directory) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object)
      HF_DO(pin(bpf_program__fd(program), directory, bpf_program__name(program)));
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    // The programs' constants: theirs alone, and no name for bpffs.
    if (!bpf_map__is_internal(map)) HF_DO(pin(bpf_map__fd(map), directory, bpf_map__name(map)));
  }
  return {};
}

}  // namespace

Result<> load_network_object(const std::string& directory) {
  libbpf_set_print(keep);
  const size_t size = static_cast<size_t>(hf_network_object_end - hf_network_object);
  const Object object(bpf_object__open_mem(hf_network_object, size, nullptr));
  if (!object.get()) return complain("read the BPF programs");
  if (bpf_object__load(object.get()) != 0) return complain("load the BPF programs");
  if (::mkdir(directory.c_str(), 0700) != 0) return os_error("mkdir {}", directory);
  HF_DO(pin_all(object.get(), directory));
  return make_network_rings(directory);
}

Result<> make_network_rings(const std::string& directory) {
  HF_TRY(const Fd rings, pinned(directory, "hf_net_rings"));
  HF_TRY(const Fd owners, pinned(directory, "hf_net_owners"));
  const uint32_t last = HF_NET_SLOTS;
  uint64_t made = 0;
  if (bpf_map_lookup_elem(owners.get(), &last, &made) != 0) return os_error("count the rings");
  std::vector<Fd> fresh;
  std::vector<uint32_t> keys;
  std::vector<int> values;
  for (uint32_t i = 0; i < HF_NET_RING_BATCH && made + i < HF_NET_SLOTS; ++i) {
    Fd ring(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "hf_net_ring", 0, 0, HF_NET_RING, nullptr));
    if (!ring) return os_error("make a ring for events");
    keys.push_back(static_cast<uint32_t>(made) + i);
    values.push_back(ring.get());
    fresh.push_back(std::move(ring));
  }
  if (keys.empty()) return error("there are {} rings already", made);
  uint32_t count = static_cast<uint32_t>(keys.size());
  // In one call, because each of them waits until no processor is in a program any more. Before 5.19 there is
  // none for maps of maps.
  if (bpf_map_update_batch(rings.get(), keys.data(), values.data(), &count, nullptr) != 0)
    for (size_t i = 0; i < keys.size(); ++i)
      if (bpf_map_update_elem(rings.get(), &keys[i], &values[i], BPF_ANY) != 0)
        return os_error("put a ring in place");
  made += keys.size();
  if (bpf_map_update_elem(owners.get(), &last, &made, BPF_ANY) != 0)
    return os_error("tell of the rings");
  return {};
}

}  // namespace holdfast
