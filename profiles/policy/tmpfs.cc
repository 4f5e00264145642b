// How much each tmpfs of a container may hold.
#include <sys/mount.h>

#include "core/plan/mount_options.h"
#include "profiles/policy/context.h"
#include "profiles/policy/limits.h"

namespace holdfast {
namespace {

bool is_size(std::string_view option) {
  return option.starts_with("size=") || option.starts_with("nr_blocks=");
}

// What one option asks for; 0 is how tmpfs spells "no limit".
int64_t amount_of(const Request& request, std::string_view option) {
  const bool blocks = option.starts_with("nr_blocks=");
  std::string_view text = option.substr(option.find('=') + 1);
  if (!blocks && text.ends_with('%')) {
    text.remove_suffix(1);
    const auto percent = parse_number<uint64_t>(text);
    if (!percent || *percent > 100 || *percent == 0 || request.memory.total == 0) return kUnlimited;
    return static_cast<int64_t>(request.memory.total / 100 * *percent);
  }
  const int64_t amount = amount_in(text);
  if (amount <= 0) return kUnlimited;
  const auto page = static_cast<int64_t>(request.memory.page);
  if (!blocks) return amount;
  return amount > std::numeric_limits<int64_t>::max() / page ? kUnlimited : amount * page;
}

// Of several options the last one counts.
std::optional<int64_t> asked_size(const Request& request, const MountPlan& mount) {
  std::optional<int64_t> asked;
  for (const std::string& option : mount.data)
    if (is_size(option)) asked = amount_of(request, option);
  return asked;
}

std::string text_of(std::optional<int64_t> amount) {
  if (!amount) return "half of the memory";
  return *amount < 0 ? "unlimited" : scalar_text(Quantity{*amount});
}

}  // namespace

void limit_tmpfs(ResolveContext& c, MountPlan& mount) {
  const Bounds bounds = bounds_of(c.judge.profile().limits.tmpfs);
  if (!bounds.given() || mount.bind) return;
  const auto wish = asked_size(c.request, mount);
  // A remount changes only what it names.
  const bool sized = mount.type == "tmpfs" ? !mount.remount || wish : mount.remount && wish;
  const std::string asked = fmt::format("{} on {}", text_of(wish), mount.destination);
  if (mount.type == "ramfs" && !mount.remount) {
    c.judge.gate(Access::kDeny, c.judge.exception("limits:tmpfs"), RuleId::kLimits, "tmpfsSize",
                 fmt::format("ramfs on {}", mount.destination),
                 fmt::format("mounts a ramfs on {}, which nothing limits", mount.destination),
                 rule_of(RuleId::kLimits).fix);
    return;
  }
  if (!sized) return;
  const auto limit = limit_instead(bounds, wish);
  if (!limit) {
    if (wish && *wish < 0)
      c.judge.warned(RuleId::kLimits, "tmpfsSize", asked, rule_of(RuleId::kLimits).fix);
    return;
  }
  if (const Grant* grant = c.judge.exception("limits:tmpfs"))
    return c.judge.excepted(RuleId::kLimits, "tmpfsSize", asked, *grant);
  if (c.privileged) return c.judge.kept("tmpfsSize", asked, "privileged");
  if (!c.judge.tighten(RuleId::kLimits, "tmpfsSize", asked, text_of(limit),
                       "what is written beyond it is taken from the host's memory"))
    return;
  std::erase_if(mount.data, [](const std::string& option) { return is_size(option); });
  mount.data.push_back(fmt::format("size={}", *limit));
}

}  // namespace holdfast
