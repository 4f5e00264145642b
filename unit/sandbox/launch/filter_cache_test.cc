#include "sandbox/launch/filter_cache.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

namespace holdfast {
namespace {

oci::Seccomp deny(const std::string& call) {
  oci::Seccomp seccomp;
  seccomp.default_action = oci::SeccompAction::kAllow;
  oci::SeccompRule rule;
  rule.names = {call};
  rule.action = oci::SeccompAction::kErrno;
  seccomp.syscalls.push_back(rule);
  return seccomp;
}

bool same(const Filter& a, const Filter& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](auto& x, auto& y) {
           return x.code == y.code && x.jt == y.jt && x.jf == y.jf && x.k == y.k;
         });
}

class FilterCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    char where[] = "/tmp/holdfast-cache-XXXXXX";
    ASSERT_TRUE(::mkdtemp(where));
    top_ = where;
    root_ = top_ + "/state/.cache";
  }
  void TearDown() override {
    (void)DirFd::open("/tmp")->remove_tree(top_.substr(top_.rfind('/') + 1));
  }
  FilterCache open() { return std::move(*FilterCache::open(root_)); }
  DirFd directory() { return std::move(*DirFd::open(root_)); }
  // The one entry that there is.
  std::string entry() {
    const auto names = directory().list();
    EXPECT_TRUE(names && names->size() == 1);
    return names && names->size() == 1 ? names->front() : "";
  }

  std::string top_, root_;
};

TEST_F(FilterCacheTest, TheSecondTimeTheSameFilterComesWithoutCompiling) {
  const auto first = open().get(deny("sync"));
  ASSERT_TRUE(first) << first.error().message;
  const FilterCache cache = open();
  const auto second = cache.get(deny("sync"));
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_TRUE(cache.cached());
  EXPECT_EQ(cache.problem(), "");
  EXPECT_TRUE(same(first->filter, second->filter));
  EXPECT_EQ(first->digest, second->digest);
  EXPECT_TRUE(same(first->filter, *compile(deny("sync"))));
}

TEST_F(FilterCacheTest, AnotherDescriptionIsAnotherEntry) {
  const FilterCache cache = open();
  ASSERT_TRUE(cache.get(deny("sync")));
  ASSERT_TRUE(cache.get(deny("syncfs")));
  EXPECT_FALSE(cache.cached());
  EXPECT_EQ(directory().list()->size(), 2U);
}

TEST_F(FilterCacheTest, EscapeAnEntryUnderTheNameOfAnotherIsNotLoaded) {
  ASSERT_TRUE(open().get(deny("sync")));
  const std::string name = entry();
  ASSERT_TRUE(open().get(deny("syncfs")));
  const auto names = directory().list();
  ASSERT_EQ(names->size(), 2U);
  const std::string other = names->front() == name ? names->back() : names->front();
  ASSERT_TRUE(directory().replace(name, *directory().read(other), 0600));
  const FilterCache cache = open();
  const auto again = cache.get(deny("sync"));
  ASSERT_TRUE(again);
  EXPECT_FALSE(cache.cached());
  EXPECT_TRUE(same(again->filter, *compile(deny("sync"))));
}

TEST_F(FilterCacheTest, DirectoryAndEntriesAreOursAlone) {
  ASSERT_TRUE(open().get(deny("sync")));
  struct stat info {};
  ASSERT_EQ(::stat(root_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700U);
  ASSERT_EQ(::stat((root_ + "/" + entry()).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
}

TEST_F(FilterCacheTest, EscapeAChangedEntryIsNotLoaded) {
  const auto good = open().get(deny("sync"));
  const std::string name = entry();
  std::string bytes = *directory().read(name);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  ASSERT_TRUE(directory().replace(name, bytes, 0600));
  const FilterCache cache = open();
  const auto again = cache.get(deny("sync"));
  ASSERT_TRUE(again);
  EXPECT_FALSE(cache.cached());
  EXPECT_NE(cache.problem().find("does not match its checksum"), std::string::npos)
      << cache.problem();
  EXPECT_TRUE(same(again->filter, good->filter));
  // It was replaced by a good one.
  const FilterCache later = open();
  ASSERT_TRUE(later.get(deny("sync")));
  EXPECT_TRUE(later.cached());
}

TEST_F(FilterCacheTest, EscapeAnEntryThatOthersCanWriteOrALinkIsNotLoaded) {
  ASSERT_TRUE(open().get(deny("sync")));
  const std::string path = root_ + "/" + entry();
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  const FilterCache cache = open();
  ASSERT_TRUE(cache.get(deny("sync")));
  EXPECT_FALSE(cache.cached());
  EXPECT_NE(cache.problem().find("writable by others"), std::string::npos) << cache.problem();
  ASSERT_EQ(::rename(path.c_str(), (top_ + "/moved").c_str()), 0);
  ASSERT_EQ(::symlink((top_ + "/moved").c_str(), path.c_str()), 0);
  const FilterCache linked = open();
  ASSERT_TRUE(linked.get(deny("sync")));
  EXPECT_FALSE(linked.cached());
}

TEST_F(FilterCacheTest, TruncatedAndOversizedEntriesAreCompiledAnew) {
  ASSERT_TRUE(open().get(deny("sync")));
  const std::string name = entry();
  for (const size_t size : {0UL, 10UL, 64UL, 65UL, 1UL << 20}) {
    ASSERT_TRUE(directory().replace(name, std::string(size, 'x'), 0600));
    const FilterCache cache = open();
    ASSERT_TRUE(cache.get(deny("sync"))) << size;
    EXPECT_FALSE(cache.cached()) << size;
    EXPECT_NE(cache.problem(), "") << size;
  }
}

TEST_F(FilterCacheTest, ADirectoryThatOthersCanWriteIsNotUsedAndSaidSo) {
  ASSERT_TRUE(open().get(deny("sync")));
  ASSERT_EQ(::chmod(root_.c_str(), 0777), 0);
  const FilterCache cache = open();
  EXPECT_NE(cache.problem().find("writable by others"), std::string::npos) << cache.problem();
  EXPECT_TRUE(cache.get(deny("sync")));
  EXPECT_FALSE(cache.cached());
}

TEST_F(FilterCacheTest, ACacheThatCannotExistCostsOnlyTime) {
  const auto cache = FilterCache::open("/proc/none/.cache");
  ASSERT_TRUE(cache);
  EXPECT_NE(cache->problem(), "");
  EXPECT_TRUE(cache->get(deny("sync")));
}

TEST_F(FilterCacheTest, TheOldestEntryGoesWhenThereAreTooMany) {
  ASSERT_TRUE(open().get(deny("sync")));
  const std::string kept = entry();
  const DirFd cache = directory();
  for (int i = 0; i < 255; ++i) ASSERT_TRUE(cache.create(fmt::format("old{}", i), "x"));
  const timespec long_ago[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(::utimensat(cache.get(), "old7", long_ago, 0), 0);
  ASSERT_TRUE(open().get(deny("syncfs")));
  EXPECT_EQ(cache.list()->size(), 256U);
  EXPECT_FALSE(cache.exists("old7"));
  EXPECT_TRUE(cache.exists(kept));
}

TEST_F(FilterCacheTest, WhatDoesNotCompileIsAnErrorAndNotKept) {
  oci::Seccomp wrong = deny("sync");
  wrong.architectures = {"SCMP_ARCH_NONSENSE"};
  EXPECT_FALSE(open().get(wrong));
  EXPECT_TRUE(directory().list()->empty());
}

}  // namespace
}  // namespace holdfast
