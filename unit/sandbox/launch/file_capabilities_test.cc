#include "sandbox/launch/file_capabilities.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

using std::string_view_literals::operator""sv;

constexpr uint64_t kNetRaw = uint64_t{1} << 13;
constexpr uint64_t kBpf = uint64_t{1} << 39;

TEST(FileCapabilities, OfRevisionTwoHaveTwoHalves) {
  // cap_bpf,cap_net_raw+ep
  EXPECT_EQ(file_capabilities("\x01\0\0\x02\0\x20\0\0\0\0\0\0\x80\0\0\0\0\0\0\0"sv),
            kNetRaw | kBpf);
}

TEST(FileCapabilities, OfRevisionThreeEndWithTheRootTheyBelongTo) {
  EXPECT_EQ(file_capabilities("\x01\0\0\x03\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xe8\x03\0\0"sv),
            kNetRaw);
}

TEST(FileCapabilities, OfRevisionOneAreTheLowerHalf) {
  EXPECT_EQ(file_capabilities("\x01\0\0\x01\0\x20\0\0\0\0\0\0"sv), kNetRaw);
}

TEST(FileCapabilities, DemandNothingWithoutTheEffectiveBit) {
  EXPECT_EQ(file_capabilities("\0\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0"sv), 0U);
}

TEST(FileCapabilities, DemandNothingWhenMalformed) {
  EXPECT_EQ(file_capabilities(""), 0U);
  EXPECT_EQ(file_capabilities("\x01\0\0\x02\0\x20\0"sv), 0U);
}

TEST(RefusedCapabilities, AreNoneOfAFileWithoutAny) {
  EXPECT_EQ(refused_capabilities("/proc/self/exe"), "");
  EXPECT_EQ(refused_capabilities("/nonexistent"), "");
}

}  // namespace
}  // namespace holdfast
