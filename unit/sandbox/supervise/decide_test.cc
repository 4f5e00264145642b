#include "sandbox/supervise/decide.h"

#include <gtest/gtest.h>

#include <elf.h>

#include <cstring>

#include "sandbox/supervise/code.h"
#include "sandbox/supervise/incidents.h"
#include "sandbox/supervise/witness.h"

namespace holdfast {
namespace {

constexpr int64_t kStart = 1000;
const std::string kHash(64, 'a'), kOther(64, 'b');

ExecFacts image(std::string path) {
  ExecFacts facts;
  facts.path = std::move(path);
  facts.changed = kStart - 1;
  facts.started = kStart;
  return facts;
}

Verdict decide(const ExecControlPlan& plan, const ExecFacts& facts) {
  return decide_exec(plan, {}, facts);
}

TEST(Drift, IsWhatChangedNotBeforeTheStart) {
  ExecFacts facts = image("/a");
  EXPECT_FALSE(drifted(facts));
  facts.changed = kStart;  // the clock of file systems is coarse: the same tick counts
  EXPECT_TRUE(drifted(facts));
  facts.changed = kStart - 1;
  facts.links = 0;
  EXPECT_TRUE(drifted(facts));
}

TEST(Decide, WithoutAListOnlyDriftCounts) {
  const ExecControlPlan plan{
      .libraries = false, .allow = {}, .drift = Response::kDeny, .other = {}};
  EXPECT_FALSE(decide(plan, image("/anything")).told);
  ExecFacts facts = image("/tmp/x");
  facts.changed = kStart + 5;
  const Verdict verdict = decide(plan, facts);
  EXPECT_TRUE(verdict.denies());
  EXPECT_EQ(verdict.rule, "drift-exec");
}

TEST(Decide, ImageMeansTheRootUnchanged) {
  const ExecControlPlan plan{
      .libraries = false, .allow = {{{.image = true}}}, .drift = {}, .other = Response::kDeny};
  EXPECT_FALSE(decide(plan, image("/bin/sh")).told);
  ExecFacts volume = image("/data/tool");
  volume.on_image = false;
  EXPECT_EQ(decide(plan, volume).rule, "unlisted-exec");
  ExecFacts changed = image("/bin/sh");
  changed.changed = kStart + 1;
  EXPECT_EQ(decide(plan, changed).rule, "unlisted-exec") << "drift has no rule of its own here";
}

TEST(Decide, DriftGoesBeforeTheList) {
  const ExecControlPlan plan{.libraries = false,
                             .allow = {{{.path = "/tmp/*"}}},
                             .drift = Response::kFreeze,
                             .other = Response::kDeny};
  ExecFacts facts = image("/tmp/x");
  facts.changed = kStart;
  EXPECT_EQ(decide(plan, facts).rule, "drift-exec");
  EXPECT_EQ(decide(plan, facts).response, Response::kFreeze);
}

TEST(Decide, EveryMemberOfARuleHasToHold) {
  const ExecControlPlan plan{
      .libraries = false,
      .allow = {{{.path = "/opt/*", .sha256 = kHash, .parent = "/bin/make"}}},
      .drift = {},
      .other = Response::kDeny};
  ExecFacts facts = image("/opt/tool");
  facts.sha256 = kHash;
  facts.parent = "/bin/make";
  EXPECT_FALSE(decide(plan, facts).told);
  for (std::string ExecFacts::*member :
       {&ExecFacts::path, &ExecFacts::sha256, &ExecFacts::parent}) {
    ExecFacts wrong = facts;
    wrong.*member = "/other";
    EXPECT_TRUE(decide(plan, wrong).denies());
  }
}

TEST(Decide, ContentIsReadOnlyWhereItDecides) {
  ExecControlPlan plan{.libraries = false,
                       .allow = {{{.path = "/opt/*", .sha256 = kHash}}},
                       .drift = {},
                       .other = Response::kDeny};
  EXPECT_TRUE(hash_matters(plan, image("/opt/tool")));
  EXPECT_FALSE(hash_matters(plan, image("/bin/sh")));
  plan.allow->push_back({.image = true});
  EXPECT_FALSE(hash_matters(plan, image("/opt/tool"))) << "another rule allows it as it is";
  EXPECT_FALSE(parent_matters(plan));
  plan.allow->push_back({.parent = "/bin/*"});
  EXPECT_TRUE(parent_matters(plan));
}

TEST(Decide, ALoaderThatWasNamedIsNotSearchedInTheList) {
  const ExecControlPlan plan{.libraries = false,
                             .allow = {{{.path = "/app"}}},
                             .drift = Response::kDeny,
                             .other = Response::kDeny};
  ExecFacts loader = image("/lib64/ld-linux-x86-64.so.2");
  EXPECT_TRUE(decide(plan, loader).denies());
  loader.loader = true;
  EXPECT_FALSE(decide(plan, loader).told);
  loader.changed = kStart;
  EXPECT_TRUE(decide(plan, loader).denies());
}

TEST(Decide, GraveEventsGetMoreThanTheirOwnRulesResponse) {
  const ExecControlPlan plan{
      .libraries = false, .allow = {}, .drift = Response::kDeny, .other = {}};
  ExecFacts facts = image("/tmp/x");
  facts.changed = kStart;
  const auto with = [&](std::vector<ResponseRule> respond) {
    return decide_exec(plan, respond, facts);
  };
  EXPECT_EQ(with({{Severity::kCritical, Response::kFreeze, 0}}).response, Response::kDeny);
  EXPECT_EQ(with({{Severity::kHigh, Response::kAlert, 0}}).response, Response::kDeny);
  EXPECT_EQ(with({{Severity::kLow, Response::kFreeze, 60}}).release_after, 60u);
  EXPECT_EQ(
      with({{Severity::kLow, Response::kFreeze, 60}, {Severity::kHigh, Response::kFreeze, 90}})
          .release_after,
      90u);
  EXPECT_EQ(with({{Severity::kLow, Response::kFreeze, 60}, {Severity::kHigh, Response::kFreeze, 0}})
                .release_after,
            0u);
  EXPECT_EQ(with({{Severity::kLow, Response::kFreeze, 60},
                  {Severity::kHigh, Response::kKillContainer, 0}})
                .response,
            Response::kKillContainer);
}

TEST(Decide, AFreezeOfTheRuleItselfIsNotShortened) {
  const ExecControlPlan plan{
      .libraries = false, .allow = {}, .drift = Response::kFreeze, .other = {}};
  ExecFacts facts = image("/tmp/x");
  facts.changed = kStart;
  EXPECT_EQ(decide_exec(plan, {{Severity::kHigh, Response::kFreeze, 60}}, facts).release_after, 0u);
}

TEST(Decide, OfWhatIsOpenedOnlyDriftCounts) {
  ExecControlPlan plan{.libraries = true, .allow = {}, .drift = Response::kDeny, .other = {}};
  ExecFacts facts = image("/tmp/x.so");
  EXPECT_FALSE(decide_open(plan, {}, facts).told);
  facts.changed = kStart;
  EXPECT_EQ(decide_open(plan, {}, facts).rule, "drift-library");
  plan.libraries = false;
  EXPECT_FALSE(decide_open(plan, {}, facts).told);
}

std::string elf(bool with_loader) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 2;
  Elf64_Phdr programs[2]{};
  programs[0].p_type = PT_LOAD;
  programs[1].p_type = with_loader ? PT_INTERP : PT_DYNAMIC;
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) +
         std::string(reinterpret_cast<const char*>(programs), sizeof programs);
}

TEST(Code, IsToldByItsFirstBytes) {
  EXPECT_EQ(code_of(""), Code::kNone);
  EXPECT_EQ(code_of("#!/bin/sh\n"), Code::kNone);
  EXPECT_EQ(code_of(elf(true)), Code::kDynamic);
  EXPECT_EQ(code_of(elf(false)), Code::kNoLoader);
  // Cut or lying headers are code nevertheless, and read no further than there is.
  const std::string whole = elf(true);
  for (size_t size = EI_NIDENT; size < whole.size(); ++size)
    EXPECT_EQ(code_of(std::string_view(whole).substr(0, size)), Code::kNoLoader) << size;
  std::string lying = whole;
  lying[offsetof(Elf64_Ehdr, e_phoff) + 7] = '\xff';
  EXPECT_EQ(code_of(lying), Code::kNoLoader);
}

TEST(Code, LoadersAreKnownByTheirNames) {
  EXPECT_TRUE(is_loader_path("/lib64/ld-linux-x86-64.so.2"));
  EXPECT_TRUE(is_loader_path("/lib/ld-musl-aarch64.so.1"));
  EXPECT_FALSE(is_loader_path("/bin/sh"));
  EXPECT_FALSE(is_loader_path("/ld-dir/x"));
}

TEST(Witness, StatIsReadPastAnyName) {
  const ProcessStat stat = parse_stat(
      "7 (a) b) S) S 3 7 7 0 -1 4194560 93 0 0 0 0 0 0 0 20 0 1 0 4242 2633728 214 "
      "18446744073709551615");
  EXPECT_EQ(stat.parent, 3);
  EXPECT_EQ(stat.started, 4242u);
  EXPECT_EQ(parse_stat("").parent, 0);
  EXPECT_EQ(parse_stat("7 (x)").parent, 0);
}

TEST(Witness, ArgumentsAreCut) {
  using namespace std::string_literals;
  EXPECT_EQ(parse_arguments("sh\0-c\0x y\0"s), (std::vector<std::string>{"sh", "-c", "x y"}));
  EXPECT_TRUE(parse_arguments("").empty());
  std::string many;
  for (int i = 0; i < 100; ++i) many += std::string(1000, 'a') + '\0';
  EXPECT_EQ(parse_arguments(many).size(), 16u);
  EXPECT_EQ(parse_arguments(many)[0].size(), 256u);
}

Incident incident(Response response) {
  Incident made;
  made.event.response = response;
  return made;
}

TEST(IncidentQueue, IsBoundedAndCountsWhatItDrops) {
  Incidents incidents;
  ASSERT_TRUE(incidents.open());
  for (size_t i = 0; i < Incidents::kMost + 10; ++i) incidents.push(incident(Response::kDeny));
  uint64_t lost = 0;
  EXPECT_EQ(incidents.take(lost).size(), Incidents::kMost);
  EXPECT_EQ(lost, 10u);
  EXPECT_TRUE(incidents.take(lost).empty());
  EXPECT_EQ(lost, 0u);
}

TEST(IncidentQueue, NeverDropsTheFirstResponseToTheWholeContainer) {
  Incidents incidents;
  ASSERT_TRUE(incidents.open());
  for (size_t i = 0; i < Incidents::kMost; ++i) incidents.push(incident(Response::kDeny));
  incidents.push(incident(Response::kFreeze));
  incidents.push(incident(Response::kFreeze));
  incidents.push(incident(Response::kKillContainer));
  uint64_t lost = 0;
  const auto taken = incidents.take(lost);
  ASSERT_EQ(taken.size(), Incidents::kMost + 2);
  EXPECT_EQ(taken[Incidents::kMost].event.response, Response::kFreeze);
  EXPECT_EQ(taken[Incidents::kMost + 1].event.response, Response::kKillContainer);
}

}  // namespace
}  // namespace holdfast
