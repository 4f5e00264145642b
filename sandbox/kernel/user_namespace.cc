#include "sandbox/kernel/user_namespace.h"

#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <memory>

namespace holdfast {
namespace {

constexpr size_t kStackSize = 64 << 10;
// 340 lines at most (user_namespaces(7)), of which ours have a few: what is longer is cut and told.
constexpr size_t kMapSize = 16 << 10;

// What parent and child share.
struct Visit {
  int user_namespace;
  struct Map {
    const char* path;
    size_t size = 0;
    std::array<char, kMapSize> text;
  } uids{.path = "/proc/self/uid_map", .text = {}}, gids{.path = "/proc/self/gid_map", .text = {}};
  int code = 0;
};

bool read_map(Visit::Map& map) {
  const int file = ::open(map.path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t got = ::read(file, map.text.data(), map.text.size());
  if (got >= 0) map.size = static_cast<size_t>(got);
  const int code = errno;
  ::close(file);
  errno = code;
  return got >= 0;
}

// Runs on a stack of its own in our memory, as after vfork(2). Who reads a map from inside is shown
// the ids of the parent namespace.
int visit(void* argument) {
  auto& request = *static_cast<Visit*>(argument);
  if (::setns(request.user_namespace, CLONE_NEWUSER) == 0 && read_map(request.uids) &&
      read_map(request.gids))
    return 0;
  request.code = errno;
  return 1;
}

Result<std::vector<oci::IdMapping>> parsed(const Visit::Map& map) {
  if (map.size == map.text.size()) return error("{} has too many lines", map.path);
  return with_context(parse_id_map({map.text.data(), map.size}), "{}", map.path);
}

}  // namespace

Result<Fd> open_user_namespace(const std::string& path) {
  Fd named(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!named) return os_error("open {}", path);
  const int type = ::ioctl(named.get(), NS_GET_NSTYPE);
  if (type < 0) return os_error("{} is no namespace", path);
  if (type == CLONE_NEWUSER) return named;
  Fd owner(::ioctl(named.get(), NS_GET_USERNS));
  if (!owner) return os_error("the user namespace that owns {}", path);
  return owner;
}

Result<bool> is_own_user_namespace(const Fd& user_namespace) {
  struct stat own {
  }, other{};
  if (::stat("/proc/self/ns/user", &own) != 0) return os_error("stat /proc/self/ns/user");
  if (::fstat(user_namespace.get(), &other) != 0) return os_error("stat a user namespace");
  return own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

Result<IdMaps> maps_of(const Fd& user_namespace) {
  const auto request = std::make_unique<Visit>(Visit{.user_namespace = user_namespace.get()});
  const auto stack = std::make_unique_for_overwrite<char[]>(kStackSize);
  // The child shares our memory and descriptors, but neither our root nor our credentials.
  const pid_t pid =
      ::clone(visit, stack.get() + kStackSize, CLONE_VM | CLONE_FILES | CLONE_VFORK, request.get());
  if (pid < 0) return os_error("visit a user namespace");
  int status = 0;
  while (::waitpid(pid, &status, __WALL) < 0)
    if (errno != EINTR) return os_error("wait for the visitor of a user namespace");
  if (!WIFEXITED(status)) return error("the visitor of a user namespace was killed");
  if (request->code != 0) return os_error_of(request->code, "read the maps of a user namespace");
  IdMaps maps;
  HF_TRY(maps.uids, parsed(request->uids));
  HF_TRY(maps.gids, parsed(request->gids));
  return maps;
}

Result<std::vector<oci::IdMapping>> parse_id_map(std::string_view text) {
  std::vector<oci::IdMapping> map;
  for (const std::string_view line : split(text, '\n')) {
    if (trim(line).empty()) continue;
    std::array<uint32_t, 3> numbers{};
    size_t count = 0;
    for (const std::string_view field : split(line, ' ')) {
      if (field.empty()) continue;
      const auto number = parse_number<uint32_t>(field);
      if (!number || count == numbers.size()) return error("unexpected line \"{}\"", line);
      numbers[count++] = *number;
    }
    if (count != numbers.size()) return error("unexpected line \"{}\"", line);
    map.push_back({numbers[0], numbers[1], numbers[2]});
  }
  return map;
}

std::optional<uint32_t> outside_id(const std::vector<oci::IdMapping>& map, uint32_t id) {
  for (const oci::IdMapping& each : map)
    if (id >= each.container_id && id - each.container_id < each.size)
      return each.host_id + (id - each.container_id);
  return std::nullopt;
}

}  // namespace holdfast
