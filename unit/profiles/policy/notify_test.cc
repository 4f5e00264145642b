#include "profiles/policy/notify.h"

#include <gtest/gtest.h>
#include <sys/mount.h>

#include <algorithm>

#include "profiles/policy/resolve.h"
#include "unit/profiles/policy/samples.h"

namespace holdfast {
namespace {

Plan planned(Request request, const Policy& policy = {}) {
  oci::Spec spec = samples::docker_spec();
  spec.process->env.push_back("NOTIFY_SOCKET=/tmp/of-the-image");
  auto r = resolve(request, spec, policy, samples::facts());
  EXPECT_TRUE(r) << r.error().message;
  return r ? std::move(r->plan) : Plan{};
}

Request notifying() {
  Request request = samples::request();
  request.notify_directory = "/run/holdfast/c1/notify";
  return request;
}

size_t count(const Plan& plan, std::string_view variable) {
  const auto& env = plan.process.env;
  return static_cast<size_t>(std::count(env.begin(), env.end(), variable));
}

TEST(NotifySocket, IsTheOnlyOneThatTheProgramIsToldOf) {
  const Plan plan = planned(notifying());
  EXPECT_EQ(count(plan, "NOTIFY_SOCKET=/run/notify/notify.sock"), 1U);
  EXPECT_EQ(count(plan, "NOTIFY_SOCKET=/tmp/of-the-image"), 0U);
}

TEST(NotifySocket, IsMountedReadOnlyWhateverTheProfile) {
  for (const char* name : {"baseline", "restricted", "observe"}) {
    Policy policy;
    policy.profile = *shipped_profile(name);
    const Plan plan = planned(notifying(), policy);
    ASSERT_FALSE(plan.mounts.empty());
    const MountPlan& mount = plan.mounts.back();
    EXPECT_EQ(mount.destination, kNotifyMount);
    EXPECT_EQ(mount.source, "/run/holdfast/c1/notify");
    constexpr uint64_t kAll =
        MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    EXPECT_EQ(mount.attr_set & kAll, kAll) << name;
    EXPECT_EQ(mount.attr_clear, 0U);
    EXPECT_FALSE(mount.recursive_bind);
  }
}

TEST(NotifySocket, IsNothingWhereNobodyAsksForIt) {
  const Plan plan = planned(samples::request());
  EXPECT_EQ(count(plan, "NOTIFY_SOCKET=/tmp/of-the-image"), 1U);
  EXPECT_TRUE(std::none_of(plan.mounts.begin(), plan.mounts.end(),
                           [](const MountPlan& m) { return m.destination == kNotifyMount; }));
}

TEST(NotifySocket, ItsDirectoryIsTheOneThatWasMade) {
  Plan plan = planned(notifying());
  assign_notify_directory(plan, {8, 1, 42});
  ASSERT_TRUE(plan.mounts.back().source_file);
  EXPECT_EQ(plan.mounts.back().source_file->inode, 42U);
  for (size_t i = 0; i + 1 < plan.mounts.size(); ++i)
    EXPECT_TRUE(!plan.mounts[i].source_file || plan.mounts[i].source_file->inode != 42U);
}

}  // namespace
}  // namespace holdfast
