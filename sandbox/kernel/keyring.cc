#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/kernel/process.h"

namespace holdfast {
namespace {

constexpr uint32_t kUserSearch = 0x00080000;   // KEY_USR_SEARCH
constexpr uint32_t kOtherSearch = 0x00000008;  // KEY_OTH_SEARCH

long key_control(int operation, unsigned long a, unsigned long b = 0, unsigned long c = 0) {
  return ::syscall(SYS_keyctl, operation, a, b, c, 0UL);
}

// keyctl_describe(3): "type;uid;gid;permissions in hex;description".
Result<uint32_t> permissions(long key) {
  char text[512];
  const long size =
      key_control(KEYCTL_DESCRIBE, key, reinterpret_cast<unsigned long>(text), sizeof text);
  if (size <= 0) return os_error("describe");
  const std::string_view described(text, std::min(static_cast<size_t>(size), sizeof text) - 1);
  const auto fields = split(described, ';');
  const auto mask = fields.size() < 5 ? std::nullopt : parse_number<uint32_t>(fields[3], 16);
  if (!mask) return error("describe: unexpected answer {}", described);
  return *mask;
}

}  // namespace

Result<> new_session_keyring(const std::string& id, bool user_namespace) {
  const std::string name = "_ses." + id;
  const long key =
      key_control(KEYCTL_JOIN_SESSION_KEYRING, reinterpret_cast<unsigned long>(name.c_str()));
  if (key < 0) {
    if (errno == ENOSYS) return {};
    return os_error("join session keyring {}", name);
  }
  HF_TRY(const uint32_t mask, with_context(permissions(key), "session keyring {}", name));
  // The user inside is another one than the keyring's owner where ids are mapped.
  const uint32_t wanted = mask | (user_namespace ? kOtherSearch : kUserSearch);
  if (wanted == mask) return {};
  if (key_control(KEYCTL_SETPERM, key, wanted) != 0)
    return os_error("set the permissions of session keyring {}", name);
  return {};
}

}  // namespace holdfast
