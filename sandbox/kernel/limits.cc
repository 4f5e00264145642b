#include <sys/resource.h>
#include <unistd.h>

#include <array>

#include "sandbox/kernel/proc_file.h"
#include "sandbox/kernel/process.h"

namespace holdfast {
namespace {

struct NamedLimit {
  std::string_view type;
  int number;
};
constexpr std::array<NamedLimit, 16> kLimits{{{"RLIMIT_AS", RLIMIT_AS},
                                              {"RLIMIT_CORE", RLIMIT_CORE},
                                              {"RLIMIT_CPU", RLIMIT_CPU},
                                              {"RLIMIT_DATA", RLIMIT_DATA},
                                              {"RLIMIT_FSIZE", RLIMIT_FSIZE},
                                              {"RLIMIT_LOCKS", RLIMIT_LOCKS},
                                              {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
                                              {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
                                              {"RLIMIT_NICE", RLIMIT_NICE},
                                              {"RLIMIT_NOFILE", RLIMIT_NOFILE},
                                              {"RLIMIT_NPROC", RLIMIT_NPROC},
                                              {"RLIMIT_RSS", RLIMIT_RSS},
                                              {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
                                              {"RLIMIT_RTTIME", RLIMIT_RTTIME},
                                              {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
                                              {"RLIMIT_STACK", RLIMIT_STACK}}};

int change_limit(int number, const rlimit64* fresh, rlimit64* old) {
  return ::prlimit64(0, static_cast<__rlimit_resource>(number), fresh, old);
}

Result<> set_rlimit(const oci::Rlimit& limit) {
  const auto number = rlimit_number(limit.type);
  if (!number) return error("set rlimit {}: unknown type", limit.type);
  if (limit.soft > limit.hard)
    return error("set rlimit {}: soft limit {} is above hard limit {}", limit.type, limit.soft,
                 limit.hard);
  const rlimit64 fresh{limit.soft, limit.hard};
  if (change_limit(*number, &fresh, nullptr) == 0) return {};
  const int code = errno;
  rlimit64 now{};
  if (code == EPERM && change_limit(*number, nullptr, &now) == 0 && limit.hard > now.rlim_max)
    return os_error_of(code,
                       "set rlimit {}: raising the hard limit from {} to {} needs CAP_SYS_RESOURCE",
                       limit.type, now.rlim_max, limit.hard);
  return os_error_of(code, "set rlimit {} to {}:{}", limit.type, limit.soft, limit.hard);
}

}  // namespace

std::optional<int> rlimit_number(std::string_view type) {
  for (const auto& each : kLimits)
    if (each.type == type) return each.number;
  return std::nullopt;
}

Result<> set_rlimits(const std::vector<oci::Rlimit>& limits) {
  for (const auto& limit : limits) HF_DO(set_rlimit(limit));
  return {};
}

Result<> set_oom_score(const DirFd& procfs, int32_t score) {
  HF_TRY(Fd file, open_proc(procfs, own_proc_path("oom_score_adj"), O_WRONLY));
  const std::string text = fmt::format("{}", score);
  if (::write(file.get(), text.data(), text.size()) == std::ssize(text)) return {};
  if (errno == EACCES)
    return os_error("set oom_score_adj {}: lowering it needs CAP_SYS_RESOURCE", score);
  return os_error("set oom_score_adj {}", score);
}

}  // namespace holdfast
