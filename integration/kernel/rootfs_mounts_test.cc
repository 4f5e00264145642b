// The table of mounts: what each kind and option does, seen from inside.
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "integration/kernel/rootfs_support.h"

namespace holdfast {
namespace {

class RootfsMounts : public RootfsTest {};

TEST_F(RootfsMounts, TheUsualTableStandsAndTheHostIsGone) {
  Plan plan = container();
  add_usual_mounts(plan);
  add_default_devices(plan);
  make_file("/hello", "from the image");
  run(plan, [&] {
    EXPECT_EQ(contents_of("/hello"), "from the image");
    EXPECT_FALSE(exists(rootfs()));
    EXPECT_EQ(statfs_of("/proc").f_type, 0x9fa0);
    EXPECT_EQ(statfs_of("/sys").f_type, 0x62656572);
    EXPECT_EQ(statfs_of("/dev/pts").f_type, 0x1cd1);
    EXPECT_EQ(statfs_of("/dev/mqueue").f_type, 0x19800202);
    EXPECT_EQ(link_of("/proc/self"), "1");
    EXPECT_NE(write_errno("/sys/x"), 0);
    EXPECT_EQ(lstat_of("/dev/shm").st_mode & 07777, 01777u);
    // Nothing of the host is left in the namespace.
    const std::string table = contents_of("/proc/self/mountinfo");
    EXPECT_EQ(split(table, '\n').size(), 8u) << table;  // 7 mounts and the end
  });
}

TEST_F(RootfsMounts, AnAttributeOfATmpfsIsSet) {
  Plan plan = container();
  add_mount(plan, "/proc", "proc", "proc", {});
  add_mount(plan, "/t", "tmpfs", "tmpfs",
            {"nosuid", "nodev", "noexec", "noatime", "nodiratime", "nosymfollow", "size=64k",
             "mode=711", "uid=7", "gid=8"});
  run(plan, [] {
    EXPECT_EQ(mount_options_of("/t"), "rw,nosuid,nodev,noexec,noatime,nodiratime,nosymfollow");
    EXPECT_EQ(statfs_of("/t").f_blocks * static_cast<uint64_t>(statfs_of("/t").f_bsize), 65536u);
    const struct stat info = lstat_of("/t");
    EXPECT_EQ(info.st_mode & 07777, 0711u);
    EXPECT_EQ(info.st_uid, 7u);
    EXPECT_EQ(info.st_gid, 8u);
  });
}

TEST_F(RootfsMounts, ATmpfsKeepsTheModeOfWhatItCovers) {
  make_directory("/t");
  ASSERT_EQ(::chmod((rootfs() + "/t").c_str(), 0751), 0);
  Plan plan = container();
  add_mount(plan, "/t", "tmpfs", "tmpfs", {});
  add_mount(plan, "/u", "tmpfs", "tmpfs", {"ro"});
  run(plan, [] {
    EXPECT_EQ(lstat_of("/t").st_mode & 07777, 0751u);
    EXPECT_EQ(lstat_of("/u").st_mode & 07777, 01777u);
    EXPECT_EQ(write_errno("/u/x"), EROFS);
    EXPECT_EQ(write_errno("/t/x"), 0);
  });
}

TEST_F(RootfsMounts, WrongDataIsToldInTheKernelsWords) {
  Plan plan = container();
  add_mount(plan, "/t", "tmpfs", "tmpfs", {"size=64x"});
  expect_refusal(plan, "mount /t: tmpfs: size=64x: ");
  plan = container();
  add_mount(plan, "/t", "nosuchfs", "none", {});
  expect_refusal(plan, "mount /t: the kernel has no file system \"nosuchfs\"");
}

TEST_F(RootfsMounts, ABindShowsADirectoryOrAFileAndMakesItsTarget) {
  make_directory("/source");
  make_file("/source/f", "bound");
  Plan plan = container();
  add_mount(plan, "/proc", "proc", "proc", {});
  add_mount(plan, "/new/directory", "", rootfs() + "/source", {"bind", "ro", "nosuid"});
  add_mount(plan, "/new/deep/file", "", rootfs() + "/source/f", {"bind"});
  add_mount(plan, "/relative", "", "rootfs/source", {"rbind"});
  run(plan, [] {
    EXPECT_EQ(contents_of("/new/directory/f"), "bound");
    EXPECT_EQ(write_errno("/new/directory/f"), EROFS);
    EXPECT_EQ(contents_of("/new/deep/file"), "bound");
    EXPECT_EQ(contents_of("/relative/f"), "bound");
    EXPECT_NE(mount_options_of("/new/directory").find("ro,nosuid"), std::string::npos);
    EXPECT_TRUE(S_ISREG(lstat_of("/new/deep/file").st_mode));
  });
}

TEST_F(RootfsMounts, ABindOfADeviceAndOfASocketWork) {
  prepare_host = [&] { ASSERT_EQ(::mknod((base() + "/socket").c_str(), S_IFSOCK | 0600, 0), 0); };
  Plan plan = container();
  add_mount(plan, "/run/socket", "", base() + "/socket", {"bind"});
  add_mount(plan, "/run/zero", "", "/dev/zero", {"bind"});
  run(plan, [] {
    EXPECT_TRUE(S_ISSOCK(lstat_of("/run/socket").st_mode));
    EXPECT_EQ(lstat_of("/run/zero").st_rdev, ::makedev(1, 5));
  });
}

TEST_F(RootfsMounts, AMissingSourceAndAMismatchAreErrors) {
  Plan plan = container();
  add_mount(plan, "/a", "", base() + "/nothing", {"bind"});
  expect_refusal(plan, "mount /a: open " + base() + "/nothing: no such file or directory");
  make_directory("/dir");
  plan = container();
  add_mount(plan, "/dir", "", "/etc/passwd", {"bind"});
  expect_refusal(plan, "mount /dir: a file and a directory cannot cover each other");
}

// What the source's mount restricts stays restricted unless the options say otherwise by name.
TEST_F(RootfsMounts, ABindKeepsTheRestrictionsOfItsSource) {
  make_directory("/source");
  prepare_host = [&] {
    ASSERT_EQ(::mount("t", (rootfs() + "/source").c_str(), "tmpfs",
                      MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME, nullptr),
              0);
  };
  Plan plan = container();
  add_mount(plan, "/proc", "proc", "proc", {});
  add_mount(plan, "/kept", "", rootfs() + "/source", {"bind", "ro"});
  add_mount(plan, "/cleared", "", rootfs() + "/source", {"bind", "exec", "relatime"});
  run(plan, [] {
    EXPECT_EQ(mount_options_of("/kept"), "ro,nosuid,nodev,noexec,noatime");
    EXPECT_EQ(mount_options_of("/cleared"), "rw,nosuid,nodev,relatime");
  });
}

TEST_F(RootfsMounts, RecursiveAttributesReachTheMountsBelow) {
  make_directory("/source/below");
  prepare_host = [&] {
    const std::string source = rootfs() + "/source";
    ASSERT_EQ(::mount("a", source.c_str(), "tmpfs", 0, nullptr), 0);
    ASSERT_EQ(::mkdir((source + "/below").c_str(), 0755), 0);
    ASSERT_EQ(::mount("b", (source + "/below").c_str(), "tmpfs", 0, nullptr), 0);
  };
  Plan plan = container();
  add_mount(plan, "/proc", "proc", "proc", {});
  add_mount(plan, "/ro", "", rootfs() + "/source", {"rbind", "ro"});
  add_mount(plan, "/rro", "", rootfs() + "/source", {"rbind", "rro", "rnosuid"});
  add_mount(plan, "/flat", "", rootfs() + "/source", {"bind", "rro"});
  run(plan, [] {
    EXPECT_EQ(write_errno("/ro/x"), EROFS);
    EXPECT_EQ(write_errno("/ro/below/x"), 0);
    EXPECT_EQ(write_errno("/rro/x"), EROFS);
    EXPECT_EQ(write_errno("/rro/below/x"), EROFS);
    EXPECT_EQ(mount_options_of("/rro/below"), "ro,nosuid,relatime");
    EXPECT_EQ(mount_options_of("/flat/below"), "");
  });
}

TEST_F(RootfsMounts, RemountChangesWhatIsMounted) {
  make_directory("/source");
  Plan plan = container();
  add_mount(plan, "/proc", "proc", "proc", {});
  add_mount(plan, "/b", "", rootfs() + "/source", {"bind"});
  add_mount(plan, "/b", "", "", {"bind", "remount", "ro", "noexec"});
  add_mount(plan, "/t", "tmpfs", "tmpfs", {"size=64k"});
  add_mount(plan, "/t", "tmpfs", "tmpfs", {"remount", "size=128k", "nosuid"});
  run(plan, [] {
    EXPECT_EQ(mount_options_of("/b").substr(0, 9), "ro,noexec");
    EXPECT_EQ(statfs_of("/t").f_blocks * static_cast<uint64_t>(statfs_of("/t").f_bsize), 131072u);
    EXPECT_EQ(mount_options_of("/t"), "rw,nosuid,relatime");
  });
  plan = container();
  make_directory("/plain");
  add_mount(plan, "/plain", "", "", {"bind", "remount", "ro"});
  expect_refusal(plan, "nothing is mounted there");
}

TEST_F(RootfsMounts, TmpCopyUpBeginsWithWhatItCovers) {
  make_directory("/data/sub");
  make_file("/data/sub/f", "copied");
  make_link("/data/link", "sub/f");
  ASSERT_EQ(::mkfifo((rootfs() + "/data/fifo").c_str(), 0640), 0);
  ASSERT_EQ(::chown((rootfs() + "/data/sub").c_str(), 12, 34), 0);
  ASSERT_EQ(::chmod((rootfs() + "/data/sub/f").c_str(), 04751), 0);
  ASSERT_EQ(::chown((rootfs() + "/data").c_str(), 56, 78), 0);
  ASSERT_EQ(::chmod((rootfs() + "/data").c_str(), 0750), 0);
  Plan plan = container();
  add_mount(plan, "/data", "tmpfs", "tmpfs", {"tmpcopyup", "size=1m", "ro"});
  run(plan, [] {
    EXPECT_EQ(statfs_of("/data").f_type, 0x01021994);
    EXPECT_EQ(contents_of("/data/sub/f"), "copied");
    EXPECT_EQ(link_of("/data/link"), "sub/f");
    EXPECT_TRUE(S_ISFIFO(lstat_of("/data/fifo").st_mode));
    EXPECT_EQ(lstat_of("/data/fifo").st_mode & 07777, 0640u);
    EXPECT_EQ(lstat_of("/data/sub").st_uid, 12u);
    EXPECT_EQ(lstat_of("/data/sub").st_gid, 34u);
    EXPECT_EQ(lstat_of("/data/sub/f").st_mode & 07777, 04751u);
    EXPECT_EQ(lstat_of("/data").st_uid, 56u);
    EXPECT_EQ(lstat_of("/data").st_mode & 07777, 0750u);
    EXPECT_EQ(write_errno("/data/x"), EROFS);
  });
}

TEST_F(RootfsMounts, AnOverlayIsMadeFromItsStrings) {
  make_directory("/target");
  prepare_host = [&] {
    ASSERT_EQ(::mkdir((base() + "/o").c_str(), 0755), 0);
    ASSERT_EQ(::mount("t", (base() + "/o").c_str(), "tmpfs", 0, nullptr), 0);
    for (const char* name : {"/o/lower", "/o/upper", "/o/work"})
      ASSERT_EQ(::mkdir((base() + name).c_str(), 0755), 0);
    ASSERT_EQ(write_errno(base() + "/o/lower/f"), 0);
  };
  Plan plan = container();
  add_mount(plan, "/target", "overlay", "overlay",
            {"lowerdir=" + base() + "/o/lower", "upperdir=" + base() + "/o/upper",
             "workdir=" + base() + "/o/work"});
  run(plan, [] {
    EXPECT_TRUE(exists("/target/f"));
    EXPECT_EQ(write_errno("/target/g"), 0);
  });
}

TEST_F(RootfsMounts, PropagationIsThatOfTheOption) {
  make_directory("/source");
  prepare_host = [&] {
    ASSERT_EQ(::mount("t", (rootfs() + "/source").c_str(), "tmpfs", 0, nullptr), 0);
    ASSERT_EQ(::mount("", (rootfs() + "/source").c_str(), "", MS_SHARED, nullptr), 0);
  };
  Plan plan = container();
  add_mount(plan, "/proc", "proc", "proc", {});
  const std::string source = rootfs() + "/source";
  add_mount(plan, "/default", "", source, {"bind"});
  add_mount(plan, "/private", "", source, {"bind", "rprivate"});
  add_mount(plan, "/slave", "", source, {"bind", "slave"});
  add_mount(plan, "/shared", "", source, {"bind", "shared"});
  add_mount(plan, "/unbindable", "", source, {"bind", "unbindable"});
  run(plan, [] {
    const std::string table = contents_of("/proc/self/mountinfo");
    const auto tag = [&](const std::string& point) -> std::string {
      for (const std::string_view line : split(table, '\n')) {
        const auto fields = split(line, ' ');
        if (fields.size() < 8 || fields[4] != point) continue;
        std::string tags;
        for (size_t i = 6; fields[i] != "-"; ++i)
          tags += std::string(fields[i].substr(0, fields[i].find(':'))) + " ";
        return tags;
      }
      return "missing";
    };
    EXPECT_EQ(tag("/default"), "master ");
    EXPECT_EQ(tag("/private"), "");
    EXPECT_EQ(tag("/slave"), "master ");
    EXPECT_EQ(tag("/shared"), "shared master ");
    EXPECT_EQ(tag("/unbindable"), "unbindable ");
  });
}

TEST_F(RootfsMounts, TheRootPropagationIsThatOfThePlan) {
  const std::pair<uint64_t, const char*> cases[] = {{MS_SHARED | MS_REC, "shared:"},
                                                    {MS_PRIVATE | MS_REC, "- "},
                                                    {MS_UNBINDABLE, "unbindable"},
                                                    {MS_SLAVE | MS_REC, "- "}};
  for (const auto& [propagation, word] : cases) {
    Plan plan = container();
    add_mount(plan, "/proc", "proc", "proc", {});
    plan.rootfs_propagation = propagation;
    // The worst case: a host whose whole tree is shared.
    prepare_host = [] { ASSERT_EQ(::mount("", "/", "", MS_SHARED | MS_REC, nullptr), 0); };
    run(plan, [&, expected = std::string(word)] {
      const std::string table = contents_of("/proc/self/mountinfo");
      const std::string first(split(table, '\n')[0]);
      EXPECT_NE(first.find(expected), std::string::npos) << propagation << ": " << first;
    });
  }
}

TEST_F(RootfsMounts, TheDestinationMayNotBeTheRoot) {
  Plan plan = container();
  add_mount(plan, "/", "tmpfs", "tmpfs", {});
  expect_refusal(plan, "the destination is the root");
}

TEST_F(RootfsMounts, NoPivotMovesTheRootAndHidesTheHostsProc) {
  Plan plan = container();
  plan.no_pivot = true;
  add_mount(plan, "/proc", "proc", "proc", {});
  make_file("/hello", "x");
  run(plan, [&] {
    EXPECT_EQ(contents_of("/hello"), "x");
    EXPECT_FALSE(exists(rootfs()));
    EXPECT_EQ(::chdir("../../../.."), 0);
    EXPECT_TRUE(exists("hello"));
  });
}

TEST_F(RootfsMounts, WithoutAMountNamespaceThereIsOnlyChroot) {
  Plan plan = container();
  std::erase_if(plan.namespaces,
                [](const auto& each) { return each.type == oci::NamespaceType::kMount; });
  make_file("/hello", "x");
  run(plan, [] { EXPECT_EQ(contents_of("/hello"), "x"); });
  add_mount(plan, "/t", "tmpfs", "tmpfs", {});
  expect_refusal(plan, "mounts need a mount namespace");
}

TEST_F(RootfsMounts, ASourceThatIsNotTheFileThatWasJudgedIsRefused) {
  Plan plan = container();
  ASSERT_EQ(::mkdir((base() + "/judged").c_str(), 0755), 0);
  ASSERT_EQ(::mkdir((base() + "/swapped").c_str(), 0755), 0);
  add_mount(plan, "/m", "", base() + "/judged", {"bind"});
  plan = judged(plan);
  run(plan, [] { EXPECT_TRUE(S_ISDIR(lstat_of("/m").st_mode)); });
  plan.mounts.back().source = base() + "/swapped";
  expect_refusal(plan, "is not the file any more that was judged");
}

}  // namespace
}  // namespace holdfast
