// A container's mount tree in a forked child, made as the launcher makes it.
//
//   class Mounts : public RootfsTest {};
//   TEST_F(Mounts, ATmpfsHasItsSize) {
//     Plan plan = container();
//     add_mount(plan, "/t", "tmpfs", "tmpfs", {"size=64k"});
//     run(plan, [] { EXPECT_EQ(statfs_of("/t").f_blocks * 4096, 65536u); });
//   }
//
// Expectations inside the child count: the parent fails if the child had a failure. The tree is
// temporary, the mounts end with the child's namespace.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <functional>
#include <string>
#include <vector>

#include "core/base/fd.h"
#include "core/plan/mount_options.h"
#include "core/plan/plan.h"
#include "sandbox/kernel/rootfs.h"

namespace holdfast {

inline std::string text(const Error& failure) { return failure.message; }

#define ASSERT_DONE(...)                                   \
  do {                                                     \
    const auto done_ = (__VA_ARGS__);                      \
    ASSERT_TRUE(done_.has_value()) << text(done_.error()); \
  } while (false)

#define EXPECT_DONE(...)                                   \
  do {                                                     \
    const auto done_ = (__VA_ARGS__);                      \
    EXPECT_TRUE(done_.has_value()) << text(done_.error()); \
  } while (false)

// Appends what the specification would say; a refused one fails the test.
void add_mount(Plan& plan, const std::string& destination, const std::string& type,
               const std::string& source, const std::vector<std::string>& options);
// With the identities of the files that its binds name, as they are now.
Plan judged(Plan plan);

void add_namespace(Plan& plan, oci::NamespaceType type);
// The devices that every container has.
void add_default_devices(Plan& plan);
// /proc, /dev, /dev/pts, /dev/shm, /dev/mqueue, /sys as engines ask for them.
void add_usual_mounts(Plan& plan);

struct statfs statfs_of(const std::string& path);
struct stat lstat_of(const std::string& path);
bool exists(const std::string& path);
std::string contents_of(const std::string& path);
// Creates (or truncates); the errno, 0 if it worked.
int write_errno(const std::string& path);
std::string link_of(const std::string& path);
// The options of the topmost mount at `path` in /proc/self/mountinfo ("ro,nosuid"), "" if none.
std::string mount_options_of(const std::string& path);

class RootfsTest : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // A plan with new mount, pid, ipc, uts and network namespaces over the temporary tree.
  Plan container() const;
  std::string rootfs() const { return base_ + "/rootfs"; }
  std::string base() const { return base_; }
  // Beneath the rootfs, on the host's side.
  void make_directory(const std::string& path) const;
  void make_file(const std::string& path, const std::string& bytes) const;
  void make_link(const std::string& path, const std::string& value) const;

  // What happens in the forked child before the sources are opened, in a mount namespace of its
  // own.
  std::function<void()> prepare_host;
  // Before the pivot.
  std::function<void(Rootfs&)> before_pivot;

  // Builds the tree and runs `inside` after protect(); every step must work.
  void run(const Plan& plan, const std::function<void()>& inside);
  // Builds the tree and expects the given words in the error of some step.
  void expect_refusal(const Plan& plan, const std::string& words);

  CgroupRecord cgroups_;

 private:
  std::string build(const Plan& plan, MountSources sources);
  void in_container(const Plan& asked, const std::function<void(std::string error)>& check);

  std::string base_;
};

}  // namespace holdfast
