#include "sandbox/launch/state_store.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <ctime>

#include "sandbox/kernel/probe.h"

namespace holdfast {
namespace {

constexpr char kStateFile[] = "state.json";
constexpr char kPlanFile[] = "plan.json";
constexpr char kFilters[] = "filters";
constexpr char kFifo[] = "start";
constexpr char kControl[] = "supervisor.sock";
constexpr char kDeleteLock[] = "deleting";
constexpr std::string_view kTombstone = ".gone-";  // and the directory's inode number
constexpr size_t kMaxState = 16 << 20;
constexpr size_t kMaxPlan = 64 << 20;

Failure does_not_exist(std::string_view id) {
  return Failure(Error{fmt::format("container does not exist: {}", id), ENOENT});
}

Failure already_exists() {
  return Failure(Error{"container with given ID already exists", EEXIST});
}

// mkdir -p, 0700 for every directory that it makes.
Result<> make_directories(const std::string& path) {
  for (size_t at = path.find('/', 1); true; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return os_error("mkdir {}", part);
    if (at == std::string::npos) return {};
  }
}

Result<DirFd> open_or_make(const std::string& path) {
  if (auto opened = DirFd::open(path); opened || opened.error().code != ENOENT) return opened;
  HF_DO(make_directories(path));
  return DirFd::open(path);
}

void pause_briefly() {
  const timespec step{.tv_sec = 0, .tv_nsec = 5'000'000};
  ::nanosleep(&step, nullptr);
}

// Whether another open file description holds an exclusive flock on this one's file.
Result<bool> locked_elsewhere(const Fd& fd) {
  if (::flock(fd.get(), LOCK_SH | LOCK_NB) == 0) {
    ::flock(fd.get(), LOCK_UN);
    return false;
  }
  if (errno == EWOULDBLOCK) return true;
  return os_error("test a lock");
}

// Releases a flock at the end of a scope; the descriptor stays the caller's.
class Unlock {
 public:
  explicit Unlock(const Fd& fd) : fd_(fd) {}
  Unlock(const Unlock&) = delete;
  Unlock& operator=(const Unlock&) = delete;
  ~Unlock() { ::flock(fd_.get(), LOCK_UN); }

 private:
  const Fd& fd_;
};

}  // namespace

std::string_view status_name(Status status) {
  switch (status) {
    case Status::kCreating:
      return "creating";
    case Status::kCreated:
      return "created";
    case Status::kRunning:
      return "running";
    case Status::kPaused:
      return "paused";
    case Status::kStopped:
      return "stopped";
  }
  return "stopped";
}

bool valid_id(std::string_view id) {
  if (id.empty() || id.size() > NAME_MAX || id[0] == '.') return false;
  for (const char c : id) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!word && c != '_' && c != '+' && c != '.' && c != '-') return false;
  }
  return true;
}

std::string default_state_root() {
  const char* runtime = ::getenv("XDG_RUNTIME_DIR");
  if (!runtime || *runtime == '\0') return "/run/holdfast";
  // Rootless podman calls us as the root of its user's namespace, to which /run is closed.
  const bool users = ::geteuid() != 0 || in_user_namespace();
  return users ? std::string(runtime) + "/holdfast" : "/run/holdfast";
}

Result<StateStore> StateStore::open(const std::string& root) {
  HF_TRY(DirFd opened, with_context(open_or_make(root), "state root"));
  struct stat info {};
  if (::fstat(opened.get(), &info) != 0) return os_error("state root {}", root);
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return error("state root {}: others can write to it", root);
  if (info.st_uid != ::geteuid() && info.st_uid != 0)
    return error("state root {}: it belongs to uid {}", root, info.st_uid);
  return StateStore(std::move(opened));
}

Result<StateDir> StateStore::create(const std::string& id) const {
  if (!valid_id(id)) return error("invalid container ID format");
  if (::mkdirat(root_.get(), id.c_str(), 0700) != 0) {
    if (errno == EEXIST) return already_exists();
    return os_error("state directory of {}", id);
  }
  auto filled = claim(id);
  // EEXIST: somebody else's by now. What we made and cannot use goes.
  if (!filled && filled.error().code != EEXIST) (void)root_.rmdir(id);
  return filled;
}

Result<StateDir> StateStore::claim(const std::string& id) const {
  HF_TRY(DirFd dir, root_.open_dir(id, O_RDONLY | O_NOFOLLOW));
  // Between mkdir and open somebody may have deleted it and another created it: the lock tells
  // whose it is, and says from now on that it is being filled.
  if (::flock(dir.get(), LOCK_EX | LOCK_NB) != 0) return already_exists();
  HF_TRY(Fd root, root_.dup());
  return StateDir(DirFd(std::move(root)), std::move(dir), id);
}

Result<StateDir> StateStore::find(const std::string& id) const {
  if (!valid_id(id)) return error("invalid container ID format");
  auto dir = root_.open_dir(id, O_RDONLY | O_NOFOLLOW);
  if (!dir && dir.error().code == ENOENT) return does_not_exist(id);
  if (!dir) return Failure(std::move(dir.error()).wrap("state directory"));
  HF_TRY(Fd root, root_.dup());
  return StateDir(DirFd(std::move(root)), std::move(*dir), id);
}

Result<std::vector<std::string>> StateStore::ids() const {
  HF_TRY(auto names, root_.list());
  std::erase_if(names, [&](const std::string& name) {
    struct stat info {};
    return !valid_id(name) ||
           ::fstatat(root_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
           !S_ISDIR(info.st_mode);
  });
  return names;
}

Result<> StateDir::save(const ContainerState& state) const {
  return with_context(dir_.replace(kStateFile, encode_container_state(state)), "state of {}", id_);
}

Result<ContainerState> StateDir::load() const {
  auto text = dir_.read(kStateFile, kMaxState);
  // No journal yet, or no longer: to everybody but delete there is no such container.
  if (!text && text.error().code == ENOENT) return does_not_exist(id_);
  if (!text) return Failure(std::move(text.error()).wrap("state of " + id_));
  return with_context(decode_container_state(*text), "state of {}", id_);
}

Result<> StateDir::store_plan(std::string_view document) const {
  return with_context(dir_.create(kPlanFile, document), "plan of {}", id_);
}

bool StateDir::owns_cgroups() const { return dir_.exists(kPlanFile); }

Result<std::string> StateDir::load_plan_document() const {
  return with_context(dir_.read(kPlanFile, kMaxPlan), "plan of {}", id_);
}

Result<Plan> StateDir::load_plan() const {
  HF_TRY(const std::string text, load_plan_document());
  return with_context(decode_plan(text), "plan of {}", id_);
}

Result<bool> StateDir::shares_cgroups(const ContainerState& state) const {
  if (state.cgroups.directories.empty()) return false;
  HF_TRY(const auto names, store_.list());
  for (const auto& name : names) {
    if (name == id_ || !valid_id(name)) continue;
    const auto dir = store_.open_dir(name, O_RDONLY | O_NOFOLLOW);
    if (!dir) continue;
    const auto text = dir->read(kStateFile, kMaxState);
    if (!text) continue;
    const auto other = decode_container_state(*text);
    if (!other || other->cgroups.directories.empty() ||
        other->cgroups.directories[0].directory != state.cgroups.directories[0].directory)
      continue;
    if (other->complete ? alive(other->init) : dir->exists(kPlanFile)) return true;
  }
  return false;
}

Result<Status> StateDir::status(const ContainerState& state) const {
  if (!state.complete) {
    HF_TRY(const bool creator_at_work, locked_elsewhere(dir_));
    return creator_at_work ? Status::kCreating : Status::kStopped;
  }
  if (!alive(state.init)) return Status::kStopped;
  auto fifo = dir_.open_at(kFifo, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  if (fifo) {
    HF_TRY(const bool parked, locked_elsewhere(*fifo));
    if (parked) return Status::kCreated;
  } else if (fifo.error().code != ENOENT) {
    return Failure(std::move(fifo).error());
  }
  HF_TRY(const bool frozen, is_frozen(state.cgroups));
  return frozen ? Status::kPaused : Status::kRunning;
}

Result<Fd> StateDir::make_start_fifo() const {
  if (::mkfifoat(dir_.get(), kFifo, 0600) != 0) return os_error("start fifo");
  HF_TRY(Fd fifo, dir_.open_at(kFifo, O_RDWR | O_NOFOLLOW));
  if (::flock(fifo.get(), LOCK_EX | LOCK_NB) != 0) return os_error("lock the start fifo");
  return fifo;
}

Result<> StateDir::signal_start(const ContainerState& state) const {
  // The one starter holds the directory's lock; nobody else writes to the FIFO meanwhile.
  if (::flock(dir_.get(), LOCK_EX | LOCK_NB) != 0)
    return error("cannot start a container that is being created or started");
  const Unlock unlock(dir_);
  HF_TRY(const Status now, status(state));
  if (now == Status::kStopped) return error("cannot start a container that has stopped");
  if (now != Status::kCreated) return error("cannot start an already running container");
  HF_TRY(Fd fifo, dir_.open_at(kFifo, O_RDWR | O_NONBLOCK | O_NOFOLLOW));
  HF_DO(with_context(write_all(fifo, "\n"), "start fifo"));
  // The lock is init's until it has executed its program or died.
  while (::flock(fifo.get(), LOCK_SH) != 0)
    if (errno != EINTR) return os_error("wait for the container's program");
  char text[4096];
  const ssize_t got = ::read(fifo.get(), text, sizeof text);
  if (got < 0 && errno == EAGAIN) return {};
  if (got < 0) return os_error("start fifo");
  const auto said = trim({text, static_cast<size_t>(got)});
  if (said.empty()) return error("container process died before it could start");
  return error("{}", said);
}

bool StateDir::linked() const {
  struct stat info {};
  return ::fstat(dir_.get(), &info) == 0 && info.st_nlink > 0;
}

Result<Fd> StateDir::open_delete_lock() const {
  auto lock = dir_.open_at(kDeleteLock, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (lock || (lock.error().code != ENOSPC && lock.error().code != EDQUOT)) return lock;
  // A full disk must not keep us from what would free it: then deleters queue up at the root.
  return store_.open_at(".", O_RDONLY | O_DIRECTORY);
}

Result<Fd> StateDir::lock_deletion() const {
  auto lock = open_delete_lock();
  if (!lock && lock.error().code == ENOENT) return does_not_exist(id_);
  if (!lock) return lock;
  for (int attempt = 0; ::flock(lock->get(), LOCK_EX | LOCK_NB) != 0; ++attempt) {
    if (errno != EWOULDBLOCK) return os_error("lock the deletion of {}", id_);
    if (attempt == 200) return error("container {} is being deleted by another process", id_);
    pause_briefly();
  }
  if (!linked()) return does_not_exist(id_);
  return lock;
}

Result<> StateDir::remove() const {
  struct stat ours {
  }, named{};
  if (::fstat(dir_.get(), &ours) != 0) return os_error("state directory of {}", id_);
  const std::string tombstone = fmt::format("{}{}", kTombstone, ours.st_ino);
  // One rename frees the id, whole; what follows only clears up.
  if (::fstatat(store_.get(), id_.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
      named.st_ino == ours.st_ino &&
      ::renameat(store_.get(), id_.c_str(), store_.get(), tombstone.c_str()) != 0)
    return os_error("remove the state directory of {}", id_);
  // Without a list of what is there: that needs a descriptor, which we may have no more.
  for (const char* name : {kStateFile, kPlanFile, kFilters, kFifo, kControl, kDeleteLock})
    HF_DO(dir_.unlink(name));
  auto gone = store_.rmdir(tombstone);
  if (gone || gone.error().code != ENOTEMPTY) return gone;
  HF_TRY(const auto names, dir_.list());
  for (const auto& name : names) HF_DO(dir_.remove_tree(name));
  return store_.rmdir(tombstone);
}

void StateStore::sweep() const {
  const auto names = root_.list();
  if (!names) return;
  for (const auto& name : *names)
    if (name.starts_with(kTombstone)) (void)root_.remove_tree(name);
}

}  // namespace holdfast
