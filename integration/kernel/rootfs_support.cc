#include "integration/kernel/rootfs_support.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "sandbox/kernel/idmap.h"
#include "sandbox/kernel/mount_api.h"

namespace holdfast {

void add_mount(Plan& plan, const std::string& destination, const std::string& type,
               const std::string& source, const std::vector<std::string>& options) {
  oci::Mount mount;
  mount.destination = destination;
  mount.type = type;
  mount.source = source;
  mount.options = options;
  auto parsed = parse_mount(mount);
  ASSERT_TRUE(parsed) << text(parsed.error());
  plan.mounts.push_back(std::move(*parsed));
}

void add_namespace(Plan& plan, oci::NamespaceType type) { plan.namespaces.push_back({type, {}}); }

void add_default_devices(Plan& plan) {
  const std::pair<const char*, int> defaults[] = {
      {"null", 3}, {"zero", 5}, {"full", 7}, {"random", 8}, {"urandom", 9}};
  for (const auto& [name, minor] : defaults) {
    oci::Device device;
    device.path = std::string("/dev/") + name;
    device.type = "c";
    device.major = 1;
    device.minor = minor;
    device.file_mode = 0666;
    plan.devices.push_back(std::move(device));
  }
}

void add_usual_mounts(Plan& plan) {
  add_mount(plan, "/proc", "proc", "proc", {"nosuid", "noexec", "nodev"});
  add_mount(plan, "/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"});
  add_mount(plan, "/dev/pts", "devpts", "devpts",
            {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"});
  add_mount(plan, "/dev/shm", "tmpfs", "shm",
            {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"});
  add_mount(plan, "/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"});
  add_mount(plan, "/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"});
}

Plan judged(Plan plan) {
  for (MountPlan& mount : plan.mounts) {
    if (!mount.bind || mount.source_file) continue;
    const std::string path =
        mount.source.starts_with('/') ? mount.source : plan.bundle + '/' + mount.source;
    const Fd source(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!source) continue;
    const auto identity = identify(source);
    EXPECT_TRUE(identity);
    mount.source_file = {identity->device_major, identity->device_minor, identity->inode};
  }
  return plan;
}

struct statfs statfs_of(const std::string& path) {
  struct statfs info {};
  EXPECT_EQ(::statfs(path.c_str(), &info), 0) << path;
  return info;
}

struct stat lstat_of(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  return info;
}

bool exists(const std::string& path) {
  return ::faccessat(AT_FDCWD, path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

std::string contents_of(const std::string& path) {
  const auto read = read_file(path);
  return read ? *read : "<" + text(read.error()) + ">";
}

int write_errno(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return errno;
  return ::write(fd.get(), "x", 1) == 1 ? 0 : errno;
}

std::string link_of(const std::string& path) {
  char value[512];
  const ssize_t length = ::readlink(path.c_str(), value, sizeof value);
  return length < 0 ? "" : std::string(value, static_cast<size_t>(length));
}

std::string mount_options_of(const std::string& path) {
  std::string options;
  const std::string table = contents_of("/proc/self/mountinfo");
  for (const std::string_view line : split(table, '\n')) {
    const auto fields = split(line, ' ');
    if (fields.size() > 6 && fields[4] == path) options = fields[5];
  }
  return options;
}

void RootfsTest::SetUp() {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  char path[] = "/tmp/holdfast-rootfs-XXXXXX";
  ASSERT_NE(::mkdtemp(path), nullptr);
  base_ = path;
  // A user namespace's root must be able to pass.
  ASSERT_EQ(::chmod(path, 0755), 0);
  ASSERT_EQ(::mkdir(rootfs().c_str(), 0755), 0);
}

void RootfsTest::TearDown() {
  if (base_.empty()) return;
  auto tmp = DirFd::open("/tmp");
  ASSERT_TRUE(tmp);
  EXPECT_DONE(tmp->remove_tree(base_.substr(5)));
}

Plan RootfsTest::container() const {
  Plan plan;
  plan.id = "test";
  plan.bundle = base_;
  plan.rootfs = rootfs();
  for (const auto type :
       {oci::NamespaceType::kMount, oci::NamespaceType::kPid, oci::NamespaceType::kIpc,
        oci::NamespaceType::kUts, oci::NamespaceType::kNetwork})
    add_namespace(plan, type);
  return plan;
}

void RootfsTest::make_directory(const std::string& path) const {
  std::string whole = rootfs();
  const std::string clean = clean_path(path).substr(1);
  for (const std::string_view part : split(clean, '/')) {
    whole += '/';
    whole += part;
    const int failure = ::mkdir(whole.c_str(), 0755) == 0 ? 0 : errno;
    ASSERT_TRUE(failure == 0 || failure == EEXIST) << whole;
  }
}

void RootfsTest::make_file(const std::string& path, const std::string& bytes) const {
  const std::string whole = rootfs() + clean_path(path);
  const Fd fd(::open(whole.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  ASSERT_TRUE(fd) << whole;
  ASSERT_DONE(write_all(fd, bytes));
}

void RootfsTest::make_link(const std::string& path, const std::string& value) const {
  ASSERT_EQ(::symlink(value.c_str(), (rootfs() + clean_path(path)).c_str()), 0) << path;
}

std::string RootfsTest::build(const Plan& plan, MountSources sources) {
  auto root = with_context(Rootfs::enter(plan, std::move(sources)), "enter");
  if (!root) return text(root.error());
  if (auto done = root->mount_all(plan, cgroups_); !done) return text(done.error());
  if (auto done = root->make_devices(plan); !done) return text(done.error());
  if (before_pivot) before_pivot(*root);
  if (auto done = with_context(root->pivot(plan), "pivot"); !done) return text(done.error());
  if (auto done = root->protect(plan); !done) return text(done.error());
  return {};
}

namespace {

pid_t clone_process(uint64_t flags) {
  clone_args args{};
  args.flags = flags;
  args.exit_signal = SIGCHLD;
  return static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

[[noreturn]] void leave() {
  ::fflush(nullptr);
  ::_exit(::testing::Test::HasFailure() ? 1 : 0);
}

void map_ids(const Plan& plan, pid_t pid) {
  auto process = DirFd::open(fmt::format("/proc/{}", pid));
  ASSERT_TRUE(process);
  ASSERT_DONE(process->write("uid_map", id_map_text(plan.uid_mappings)));
  ASSERT_DONE(process->write("gid_map", id_map_text(plan.gid_mappings)));
}

uint64_t flags_of(const Plan& plan) {
  uint64_t flags = 0;
  for (const auto& each : plan.namespaces) flags |= oci::clone_flag(each.type);
  return flags;
}

}  // namespace

// Three processes, as the launcher has them: the test; the runtime in its own mount namespace; the
// first process.
void RootfsTest::in_container(const Plan& asked,
                              const std::function<void(std::string error)>& check) {
  ::fflush(nullptr);
  const pid_t runtime = clone_process(CLONE_NEWNS);
  ASSERT_GE(runtime, 0);
  if (runtime == 0) {
    EXPECT_EQ(::mount("", "/", "", MS_REC | MS_PRIVATE, nullptr), 0);
    if (prepare_host) prepare_host();
    const Plan plan = judged(asked);
    auto sources = open_mount_sources(plan);
    if (!sources) {
      check(text(sources.error()));
      leave();
    }
    int mapped[2];
    if (::pipe2(mapped, O_CLOEXEC) != 0) ::_exit(2);
    const pid_t first = clone_process(flags_of(plan));
    if (first == 0) {
      char byte = 0;
      ::close(mapped[1]);
      if (::read(mapped[0], &byte, 1) != 1) ::_exit(2);
      if (!plan.uid_mappings.empty() && (::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0))
        ::_exit(3);
      check(build(plan, std::move(*sources)));
      leave();
    }
    EXPECT_GT(first, 0);
    if (!plan.uid_mappings.empty()) map_ids(plan, first);
    if (::write(mapped[1], "x", 1) != 1) ::_exit(2);
    EXPECT_EQ(wait_for(first), 0) << "failures in the container";
    leave();
  }
  EXPECT_EQ(wait_for(runtime), 0) << "failures in the forked child";
}

void RootfsTest::run(const Plan& plan, const std::function<void()>& inside) {
  in_container(plan, [&](const std::string& failure) {
    EXPECT_EQ(failure, "");
    if (failure.empty()) inside();
  });
}

void RootfsTest::expect_refusal(const Plan& plan, const std::string& words) {
  in_container(plan, [&](const std::string& failure) {
    EXPECT_NE(failure.find(words), std::string::npos)
        << "expected \"" << words << "\", got \"" << failure << "\"";
  });
}

}  // namespace holdfast
