#include "core/oci/default_spec.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace holdfast::oci {
namespace {

bool has(const Spec& spec, NamespaceType type) {
  return std::any_of(spec.linux_.namespaces.begin(), spec.linux_.namespaces.end(),
                     [&](const Namespace& n) { return n.type == type; });
}

TEST(DefaultSpec, EveryTemplateIsValid) {
  for (const bool rootless : {false, true})
    for (const bool cgroup_v2 : {false, true}) {
      const Spec spec = default_spec({rootless, 1000, 1000, cgroup_v2});
      const std::string text = encode_spec(spec, json::Layout::kPretty);
      const auto back = decode_spec(text);
      ASSERT_TRUE(back) << back.error().message;
      EXPECT_EQ(encode_spec(*back), encode_spec(spec));
      EXPECT_EQ(has(spec, NamespaceType::kCgroup), cgroup_v2);
      EXPECT_EQ(has(spec, NamespaceType::kUser), rootless);
    }
}

TEST(DefaultSpec, RootlessMapsTheCallerOntoRoot) {
  const Spec spec = default_spec({.rootless = true, .uid = 1000, .gid = 1001});
  ASSERT_EQ(spec.linux_.uid_mappings.size(), 1u);
  EXPECT_EQ(spec.linux_.uid_mappings[0].host_id, 1000u);
  EXPECT_EQ(spec.linux_.gid_mappings[0].host_id, 1001u);
  EXPECT_FALSE(has(spec, NamespaceType::kNetwork));
  EXPECT_FALSE(spec.linux_.resources);
  for (const auto& mount : spec.mounts)
    for (const auto& option : mount.options) EXPECT_FALSE(option.starts_with("gid=")) << option;
}

}  // namespace
}  // namespace holdfast::oci
