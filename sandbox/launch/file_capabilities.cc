#include "sandbox/launch/file_capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/xattr.h>

#include "core/plan/capability_names.h"

namespace holdfast {
namespace {

// vfs_cap_data is little-endian on every machine.
uint64_t word(std::string_view bytes, size_t index) {
  uint64_t value = 0;
  for (size_t i = 0; i < 4; ++i)
    value |= uint64_t{static_cast<unsigned char>(bytes[index * 4 + i])} << (8 * i);
  return value;
}

}  // namespace

uint64_t file_capabilities(std::string_view attribute) {
  if (attribute.size() < XATTR_CAPS_SZ_1) return 0;
  const uint64_t magic = word(attribute, 0);
  if ((magic & VFS_CAP_FLAGS_EFFECTIVE) == 0) return 0;
  const uint64_t low = word(attribute, 1);  // permitted, then inheritable; then both upper halves
  return attribute.size() < XATTR_CAPS_SZ_2 ? low : low | word(attribute, 3) << 32;
}

uint64_t demanded_capabilities(const std::string& path) {
  char attribute[XATTR_CAPS_SZ_3];
  const ssize_t size = ::getxattr(path.c_str(), "security.capability", attribute, sizeof attribute);
  return size < 0 ? 0 : file_capabilities({attribute, static_cast<size_t>(size)});
}

std::string refused_capabilities(const std::string& path) {
  const uint64_t demanded = demanded_capabilities(path);
  std::string names;
  for (int number = 0; number < 64; ++number) {
    if ((demanded >> number & 1) == 0 || ::prctl(PR_CAPBSET_READ, number) == 1) continue;
    if (!names.empty()) names += ", ";
    names += capability_name(number);
  }
  return names;
}

}  // namespace holdfast
