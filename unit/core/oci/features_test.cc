#include "core/oci/features.h"

#include <gtest/gtest.h>

#include "core/json/document.h"

namespace holdfast::oci {
namespace {

TEST(Features, NameWhatEnginesLookFor) {
  Features features = our_features();
  features.mount_options = {"rro"};
  const auto document = json::Document::parse(encode_features(features));
  ASSERT_TRUE(document) << document.error().message;
  const json::Value root = document->root();
  EXPECT_EQ(root.find("ociVersionMin").text(), "1.0.0");
  EXPECT_EQ(root.find("ociVersionMax").text(), "1.3.0");
  EXPECT_EQ((*root.find("mountOptions").children().begin()).text(), "rro");
  const json::Value linux_ = root.find("linux");
  EXPECT_TRUE(linux_.find("mountExtensions").find("idmap").find("enabled").truth());
  EXPECT_TRUE(linux_.find("cgroup").find("systemd").truth());
}

TEST(Features, FalseIsWrittenNotLeftOut) {
  const auto document = json::Document::parse(encode_features(our_features()));
  ASSERT_TRUE(document);
  const auto enabled = document->root().find("linux").find("intelRdt").find("enabled");
  EXPECT_EQ(enabled.kind(), json::Kind::kBool);
  EXPECT_FALSE(enabled.truth());
}

TEST(Features, EveryNamespaceAndActionIsNamed) {
  const Features features = our_features();
  EXPECT_EQ(features.linux_.namespaces.size(), 8u);
  EXPECT_EQ(features.linux_.seccomp.actions.size(), 9u);
  EXPECT_EQ(features.linux_.capabilities.size(), 41u);
  EXPECT_EQ(features.hooks.size(), 6u);
}

}  // namespace
}  // namespace holdfast::oci
