// profile: the profiles that there are, what one says, and how two differ.
#include <unistd.h>

#include <algorithm>

#include "profiles/policy/lattice.h"
#include "profiles/policy/profile_json.h"
#include "shim/ctl/json_answer.h"
#include "shim/ctl/json_diff.h"
#include "shim/ctl/policy_source.h"
#include "shim/ctl/table.h"
#include "shim/ctl/verb.h"

namespace holdfast::ctl {
namespace {

constexpr Flag kFlags[] = {kPolicyFlag, kFormatFlag};

std::vector<const Profile*> all_profiles(const PolicySet& set) {
  std::vector<const Profile*> all;
  for (const std::string_view name : shipped_profile_names()) all.push_back(shipped_profile(name));
  for (const auto& [name, profile] : set.profiles) all.push_back(&profile);
  return all;
}

Result<const Profile*> profile_named(const PolicySet& set, const std::string& name) {
  if (const Profile* profile = set.find_profile(name)) return profile;
  std::string names;
  for (const Profile* each : all_profiles(set)) names += (names.empty() ? "" : ", ") + each->name;
  return error("no profile is called \"{}\"; there are {}", printable(name), names);
}

std::string origin(const Profile& profile) {
  return profile.source.empty() ? "shipped" : profile.source;
}

Result<int> list(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  HF_TRY(const PolicySet set, policy_of(args));
  JsonAnswer answer;
  Table table({{"profile", 24}, {"extends", 24}, {"from", 0}});
  answer.begin_list("profiles");
  for (const Profile* profile : all_profiles(set)) {
    table.add({{profile->name, Colour::kBold}, {profile->extends}, {origin(*profile)}});
    answer.begin_item();
    answer.text("name", profile->name);
    answer.text_if_any("extends", profile->extends);
    answer.text("from", origin(*profile));
    answer.end_item();
  }
  answer.end_list();
  HF_DO(print(format == Format::kJson ? std::move(answer).take()
                                      : table.text(terminal_of(STDOUT_FILENO))));
  return 0;
}

// The whole of it, what is inherited included: in the form of a profile's file.
Result<int> show(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  HF_TRY(const PolicySet set, policy_of(args));
  HF_TRY(const Profile* profile, profile_named(set, args.operands()[0]));
  if (format == Format::kJson) {
    HF_DO(print(json::encode(*profile, json::Layout::kPretty) + "\n"));
    return 0;
  }
  HF_TRY(const json::Document document, json::Document::parse(json::encode(*profile)));
  HF_TRY(const json::Document nothing, json::Document::parse("{}"));
  Table table({{"control", 26}, {"value", 0}});
  for (const Difference& each : differences(nothing.root(), document.root()))
    table.add({{each.path, Colour::kBold}, {each.right}});
  HF_DO(print(fmt::format("{}    {}\n", printable(profile->name), printable(origin(*profile))) +
              table.text(terminal_of(STDOUT_FILENO))));
  return 0;
}

bool names(const std::vector<Loosening>& list, const std::string& path) {
  return std::any_of(list.begin(), list.end(), [&](const Loosening& each) {
    return path.starts_with(each.field) || each.field.starts_with(path);
  });
}

Result<int> diff(const Arguments& args) {
  HF_TRY(const Format format, format_of(args));
  HF_TRY(const PolicySet set, policy_of(args));
  HF_TRY(const Profile* left, profile_named(set, args.operands()[0]));
  HF_TRY(const Profile* right, profile_named(set, args.operands()[1]));
  HF_TRY(const json::Document one, json::Document::parse(json::encode(*left)));
  HF_TRY(const json::Document other, json::Document::parse(json::encode(*right)));
  const auto looser = loosenings(*right, *left), tighter = loosenings(*left, *right);
  JsonAnswer answer;
  Table table({{"control", 26}, {left->name, 40}, {right->name, 40}, {"", 8}});
  answer.text("left", left->name);
  answer.text("right", right->name);
  answer.begin_list("differences");
  size_t count = 0;
  for (const Difference& each : differences(one.root(), other.root())) {
    if (each.path == "name" || each.path == "extends") continue;
    const bool more = names(looser, each.path), less = names(tighter, each.path);
    const std::string_view way = more && less ? "other"
                                 : more       ? "looser"
                                 : less       ? "tighter"
                                              : "same";
    ++count;
    table.add({{each.path, Colour::kBold},
               {each.left},
               {each.right},
               {std::string(way), more ? Colour::kYellow : Colour::kGreen}});
    answer.begin_item();
    answer.text("control", each.path);
    answer.text("left", each.left);
    answer.text("right", each.right);
    answer.text("way", way);
    answer.end_item();
  }
  answer.end_list();
  const std::string text = count == 0 ? "no difference\n" : table.text(terminal_of(STDOUT_FILENO));
  HF_DO(print(format == Format::kJson ? std::move(answer).take() : text));
  return count == 0 ? 0 : 1;
}

}  // namespace

const CtlVerb kProfileListVerb = {{.name = "profile list",
                                   .operands = "",
                                   .summary = "the profiles that there are",
                                   .example = "holdfastctl profile list",
                                   .flags = kFlags},
                                  list};

const CtlVerb kProfileShowVerb = {{.name = "profile show",
                                   .operands = "NAME",
                                   .summary = "what a profile says, what it inherits included",
                                   .example = "holdfastctl profile show restricted --format json",
                                   .flags = kFlags,
                                   .min_operands = 1,
                                   .max_operands = 1},
                                  show};

const CtlVerb kProfileDiffVerb = {
    {.name = "profile diff",
     .operands = "A B",
     .summary = "where profile B is tighter or looser than A",
     .example = "holdfastctl profile diff restricted web\n"
                "  exit status: 0 none, 1 they differ, 2 the question is wrong",
     .flags = kFlags,
     .min_operands = 2,
     .max_operands = 2},
    diff,
    2};

}  // namespace holdfast::ctl
