#include "sandbox/launch/categories.h"

#include "core/base/digest.h"
#include "sandbox/launch/cache_directory.h"

namespace holdfast {
namespace {

// Of the usual policies: categories 0 to 1023.
constexpr uint32_t kCategories = 1024;
constexpr uint32_t kPairs = kCategories * (kCategories - 1) / 2;
constexpr size_t kMany = 1024;  // entries before those of the dead are looked for
constexpr size_t kLargestPlan = 16 << 20;

std::string pair_number(uint32_t index) {
  uint32_t first = 0;
  while (index >= kCategories - 1 - first) index -= kCategories - 1 - first++;
  return fmt::format("c{},c{}", first, first + 1 + index);
}

// Whether this container is still there and has the pair, or may be about to get it.
bool has_pair(std::string_view owner, std::string_view pair) {
  const auto directory = DirFd::open(std::string(owner), O_PATH);
  if (!directory) return directory.error().code != ENOENT;
  const auto plan = directory->read("plan.json", kLargestPlan);
  return !plan || plan->find(fmt::format(":{}\"", pair)) != plan->npos;
}

// Who has the pair, one a line; but for `claimant`, which has just been made: what its name had before is
// void. An entry that cannot be read is an error: its pair is not free.
Result<std::string> owners(const DirFd& entries, const std::string& pair,
                           std::string_view claimant = {}) {
  const auto text = entries.read(pair);
  if (!text && text.error().code == ENOENT) return std::string();
  if (!text) return text;
  std::string live;
  for (const auto owner : split(*text, '\n'))
    if (!owner.empty() && owner != claimant && has_pair(owner, pair))
      live += fmt::format("{}\n", owner);
  return live;
}

Result<> forget_the_dead(const DirFd& entries) {
  HF_TRY(const auto pairs, entries.list());
  if (pairs.size() <= kMany) return {};
  for (const std::string& pair : pairs) {
    HF_TRY(const std::string live, owners(entries, pair));
    if (live.empty()) HF_DO(entries.unlink(pair));
  }
  return {};
}

Result<std::string> claim(const std::string& owner, const std::string& directory) {
  if (owner.find('\n') != owner.npos) return error("the state directory has a line break");
  HF_TRY(const DirFd entries, open_locked(directory));
  HF_DO(forget_the_dead(entries));
  // Somewhere else for every container, so that the first try nearly always succeeds.
  const auto start = parse_number<uint32_t>(sha256_hex(owner).substr(0, 7), 16);
  for (uint32_t tried = 0; tried < kPairs; ++tried) {
    std::string pair = pair_number((start.value_or(0) + tried) % kPairs);
    HF_TRY(const std::string others, owners(entries, pair, owner));
    if (!others.empty()) continue;
    HF_DO(entries.replace(pair, owner + "\n"));
    return pair;
  }
  return error("no pair of categories is free");
}

Result<> note(const std::string& owner, const std::string& pair, const std::string& directory) {
  HF_TRY(const DirFd entries, open_locked(directory));
  HF_DO(forget_the_dead(entries));
  HF_TRY(const std::string others, owners(entries, pair, owner));
  return entries.replace(pair, others + owner + "\n");
}

}  // namespace

Result<std::string> claim_categories(const std::string& owner, const std::string& directory) {
  return with_context(claim(owner, directory), "selinux categories");
}

Result<> note_categories(const std::string& owner, std::string_view pair,
                         const std::string& directory) {
  return with_context(note(owner, std::string(pair), directory), "selinux categories");
}

std::string_view categories_of(std::string_view label) {
  const size_t colon = label.rfind(':');
  if (colon == label.npos) return {};
  const std::string_view pair = label.substr(colon + 1);
  const size_t comma = pair.find(',');
  if (comma == pair.npos) return {};
  for (const std::string_view each : {pair.substr(0, comma), pair.substr(comma + 1)})
    if (!each.starts_with('c') || !parse_number<uint32_t>(each.substr(1))) return {};
  return pair;
}

}  // namespace holdfast
