#include "profiles/seccomp/filter.h"

#include <linux/seccomp.h>

#include <algorithm>
#include <cerrno>

#include "profiles/seccomp/dense.h"
#include "profiles/seccomp/front.h"
#include "profiles/seccomp/library.h"
#include "profiles/seccomp/newer_calls.h"

namespace holdfast {
namespace {

using oci::SeccompAction;

// More rules than this, and a tree answers sooner than a chain.
constexpr size_t kTreeFrom = 16;
constexpr uint32_t kSocketcall = 102;  // on i386

Result<uint32_t> with_data(uint32_t action, std::optional<uint32_t> data) {
  const uint32_t value = data.value_or(EPERM);
  if (value > SECCOMP_RET_DATA)
    return error("errnoRet {} is larger than {}", value, SECCOMP_RET_DATA);
  return action | value;
}

Result<uint32_t> kernel_action(SeccompAction action, std::optional<uint32_t> data) {
  switch (action) {
    case SeccompAction::kKill:
    case SeccompAction::kKillThread:
      return SECCOMP_RET_KILL_THREAD;
    case SeccompAction::kKillProcess:
      return SECCOMP_RET_KILL_PROCESS;
    case SeccompAction::kTrap:
      return SECCOMP_RET_TRAP;
    case SeccompAction::kErrno:
      return with_data(SECCOMP_RET_ERRNO, data);
    case SeccompAction::kTrace:
      return with_data(SECCOMP_RET_TRACE, data);
    case SeccompAction::kAllow:
      return SECCOMP_RET_ALLOW;
    case SeccompAction::kLog:
      return SECCOMP_RET_LOG;
    case SeccompAction::kNotify:
      return SECCOMP_RET_USER_NOTIF;
  }
  return error("unknown action");
}

// A default that lets calls through. Trace is one: its tracer answers for itself.
bool is_permissive(SeccompAction action) {
  return action == SeccompAction::kAllow || action == SeccompAction::kLog ||
         action == SeccompAction::kTrace;
}

bool denies(SeccompAction action) {
  return action != SeccompAction::kAllow && action != SeccompAction::kLog;
}

uint32_t complained(uint32_t action) {
  switch (action & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_LOG:
    case SECCOMP_RET_TRACE:
    case SECCOMP_RET_USER_NOTIF:
      return action;
    default:
      return SECCOMP_RET_LOG;
  }
}

// The kernel's order: the lower (as a signed number), the stricter.
uint32_t stricter(uint32_t a, uint32_t b) {
  const auto rank = [](uint32_t action) {
    return static_cast<int32_t>(action & SECCOMP_RET_ACTION_FULL);
  };
  return rank(b) < rank(a) ? b : a;
}

Result<std::vector<uint32_t>> architectures_of(const oci::Seccomp& seccomp) {
  // The native one is always in, whether the profile lists it or not.
  std::vector<uint32_t> tokens{seccomp::native_architecture()};
  for (const std::string& name : seccomp.architectures) {
    const auto token = seccomp::architecture(name);
    if (!token) return error("architecture \"{}\" is not known", name);
    if (std::find(tokens.begin(), tokens.end(), *token) == tokens.end()) tokens.push_back(*token);
  }
  return tokens;
}

class Compiler {
 public:
  Compiler(const oci::Seccomp& seccomp, CompileOptions options)
      : seccomp_(seccomp), options_(options), permissive_(is_permissive(seccomp.default_action)) {}

  Result<Filter> run();

 private:
  Result<uint32_t> action_of(SeccompAction action, std::optional<uint32_t> data) const;
  Result<> add(seccomp::Builder& builder, const oci::SeccompRule& rule);
  Result<> add_name(seccomp::Builder& builder, const oci::SeccompRule& rule, uint32_t action,
                    const std::string& name);
  Result<> add_newer(const oci::SeccompRule& rule, uint32_t action, const NewerCall& call);
  Result<> add_socket(const oci::SeccompRule& rule, uint32_t action);
  Front front() const;
  std::optional<uint32_t> last_named(uint32_t token) const;
  bool closes_socketcall(uint32_t token) const;
  bool answers_enosys() const;

  const oci::Seccomp& seccomp_;
  const CompileOptions options_;
  const bool permissive_;
  uint32_t default_ = 0;
  std::vector<uint32_t> tokens_;
  std::vector<Front::Exact> newer_;                // calls that libseccomp does not know
  std::vector<Front::ByArgument::Case> families_;  // of socket, in a description of our own
};

Result<uint32_t> Compiler::action_of(SeccompAction action, std::optional<uint32_t> data) const {
  HF_TRY(const uint32_t value, kernel_action(action, data));
  return options_.complain ? complained(value) : value;
}

Result<> Compiler::add_newer(const oci::SeccompRule& rule, uint32_t action, const NewerCall& call) {
  if (!rule.args.empty()) {
    // By number alone its arguments cannot be looked at: denied by default is tight, allowed is not.
    if (permissive_ && denies(rule.action))
      return error("{}: arguments of this system call cannot be judged yet", call.name);
    return {};
  }
  for (Front::Exact& exact : newer_) {
    if (exact.number != call.number) continue;
    exact.action = stricter(exact.action, action);
    return {};
  }
  newer_.push_back({call.number, action});
  return {};
}

Result<> Compiler::add_socket(const oci::SeccompRule& rule, uint32_t action) {
  const oci::SeccompArg& arg = rule.args[0];
  if (rule.args.size() != 1 || arg.index != 0 || arg.op != oci::SeccompOperator::kMaskedEq ||
      arg.value > UINT32_MAX || arg.value_two > UINT32_MAX)
    return error("socket: its family alone can be judged, by SCMP_CMP_MASKED_EQ within 32 bits");
  families_.push_back(
      {static_cast<uint32_t>(arg.value), static_cast<uint32_t>(arg.value_two), action});
  return {};
}

Result<> Compiler::add_name(seccomp::Builder& builder, const oci::SeccompRule& rule,
                            uint32_t action, const std::string& name) {
  if (name.empty()) return error("empty name of a system call");
  if (rule.action == SeccompAction::kNotify && name == "write")
    return error("write: SCMP_ACT_NOTIFY cannot be used: the listener could not be handed over");
  if (options_.own && name == "socket" && !rule.args.empty()) return add_socket(rule, action);
  const auto number = seccomp::call_number(name);
  if (!number) {
    if (const auto newer = newer_call(name)) return add_newer(rule, action, {name, *newer});
    // An engine's profile may be newer than we are: what it allows stays denied. But what it denies
    // would be allowed.
    if (permissive_ && denies(rule.action)) return error("{}: unknown system call", name);
    return {};
  }
  // libseccomp compares an argument once per rule: several comparisons of one argument become several
  // rules, as in runc.
  uint32_t seen = 0;
  bool repeated = false;
  for (const oci::SeccompArg& arg : rule.args) {
    if (arg.index > 5) return error("{}: argument {} does not exist", name, arg.index);
    repeated |= (seen >> arg.index & 1) != 0;
    seen |= 1u << arg.index;
  }
  if (!repeated) return with_context(builder.add_rule(action, *number, rule.args), "{}", name);
  for (const oci::SeccompArg& arg : rule.args)
    HF_DO(with_context(builder.add_rule(action, *number, {arg}), "{}", name));
  return {};
}

Result<> Compiler::add(seccomp::Builder& builder, const oci::SeccompRule& rule) {
  HF_TRY(const uint32_t action, action_of(rule.action, rule.errno_ret));
  if (action == default_) return {};
  for (const std::string& name : rule.names) HF_DO(add_name(builder, rule, action, name));
  return {};
}

bool Compiler::answers_enosys() const {
  return !permissive_ && default_ != (SECCOMP_RET_ERRNO | ENOSYS) && !options_.complain;
}

// arm counts what is arm's alone (cacheflush, set_tls) from here on: no order of age.
std::optional<uint32_t> own_from(uint32_t token) {
  if (token == seccomp::architecture("SCMP_ARCH_ARM")) return 0xf0000;
  return std::nullopt;
}

// The highest number that the profile names on this architecture, whatever it says about it.
std::optional<uint32_t> Compiler::last_named(uint32_t token) const {
  uint32_t last = 0;
  for (const oci::SeccompRule& rule : seccomp_.syscalls) {
    for (const std::string& name : rule.names) {
      auto number = seccomp::call_number(token, name);
      if (!number && !seccomp::call_number(name)) number = newer_call(name);
      if (number && seccomp::is_x32(token)) *number |= 0x40000000;
      if (number && *number < own_from(token).value_or(UINT32_MAX)) last = std::max(last, *number);
    }
  }
  if (last == 0) return std::nullopt;
  return last;
}

// mips numbers its calls from an offset per ABI; no filter of ours runs there.
bool has_common_numbers(uint32_t token) {
  const auto is = [&](std::string_view name) { return seccomp::architecture(name) == token; };
  return !(is("SCMP_ARCH_MIPS") || is("SCMP_ARCH_MIPS64") || is("SCMP_ARCH_MIPS64N32") ||
           is("SCMP_ARCH_MIPSEL") || is("SCMP_ARCH_MIPSEL64") || is("SCMP_ARCH_MIPSEL64N32"));
}

// socket(2) itself; libseccomp's number on i386 stands for socketcall, too.
std::optional<uint32_t> socket_number(uint32_t token) {
  if (token == seccomp::architecture("SCMP_ARCH_X86")) return 359;
  return seccomp::call_number(token, "socket");
}

// libseccomp gives what it allows of i386's direct socket calls to socketcall's operations, too, and
// so leaves it half open. A description of our own that does not name it means it closed.
bool Compiler::closes_socketcall(uint32_t token) const {
  if (!options_.own || permissive_ || token != seccomp::architecture("SCMP_ARCH_X86")) return false;
  for (const oci::SeccompRule& rule : seccomp_.syscalls)
    if (std::find(rule.names.begin(), rule.names.end(), "socketcall") != rule.names.end())
      return false;
  return true;
}

Front Compiler::front() const {
  Front front;
  for (const uint32_t token : tokens_) {
    if (!has_common_numbers(token)) continue;
    Front::Section section;
    section.x32 = seccomp::is_x32(token);
    section.arch = section.x32 ? *seccomp::architecture("SCMP_ARCH_X86_64") : token;
    if (answers_enosys()) section.last = last_named(token);
    section.own_from = own_from(token);
    section.exact = newer_;
    if (closes_socketcall(token)) section.exact.push_back({kSocketcall, default_});
    if (const auto number = socket_number(token); number && !families_.empty())
      section.by_argument = {*number, families_, default_};
    if (section.x32)
      for (Front::Exact& exact : section.exact) exact.number |= 0x40000000;
    std::sort(section.exact.begin(), section.exact.end(),
              [](const Front::Exact& a, const Front::Exact& b) { return a.number < b.number; });
    front.sections.push_back(std::move(section));
  }
  return front;
}

Result<Filter> Compiler::run() {
  if (seccomp_.default_action == SeccompAction::kNotify)
    return error("SCMP_ACT_NOTIFY cannot be the default action");
  HF_TRY(default_, action_of(seccomp_.default_action, seccomp_.default_errno_ret));
  HF_TRY(tokens_, architectures_of(seccomp_));
  size_t rules = 0;
  for (const oci::SeccompRule& rule : seccomp_.syscalls) rules += rule.names.size();
  seccomp::Builder::Attributes attributes;
  attributes.default_action = default_;
  attributes.tree = rules > kTreeFrom;
  if (options_.own)
    attributes.foreign_action =
        options_.complain ? SECCOMP_RET_LOG : uint32_t{SECCOMP_RET_ERRNO | ENOSYS};
  HF_TRY(seccomp::Builder builder, seccomp::Builder::make(attributes));
  for (const uint32_t token : tokens_) HF_DO(builder.add_architecture(token));
  for (const oci::SeccompRule& rule : seccomp_.syscalls) HF_DO(add(builder, rule));
  HF_TRY(const Filter program, builder.program());
  Filter filter = dense(with_front(front(), program));
  if (filter.size() > BPF_MAXINSNS)
    return error("{} instructions, but the kernel takes {}", filter.size(), BPF_MAXINSNS);
  return filter;
}

}  // namespace

Result<Filter> compile(const oci::Seccomp& seccomp, CompileOptions options) {
  return with_context(Compiler(seccomp, options).run(), "seccomp profile");
}

Result<uint32_t> filter_flags(const oci::Seccomp& seccomp) {
  struct Row {
    std::string_view name;
    uint32_t flag;
  };
  static constexpr Row kRows[] = {
      // All filters are loaded by a process of one thread: nothing to synchronise.
      {"SECCOMP_FILTER_FLAG_TSYNC", 0},
      {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
      {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
      {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 1u << 5},
  };
  uint32_t flags = 0;
  for (const std::string& name : seccomp.flags) {
    const auto* row = std::find_if(std::begin(kRows), std::end(kRows),
                                   [&](const Row& r) { return r.name == name; });
    if (row == std::end(kRows)) return error("seccomp flag \"{}\" is not known", name);
    flags |= row->flag;
  }
  bool notifies = false;
  for (const oci::SeccompRule& rule : seccomp.syscalls)
    notifies |= rule.action == SeccompAction::kNotify && !rule.names.empty();
  if (notifies && seccomp.listener_path.empty())
    return error("SCMP_ACT_NOTIFY is used, but there is no listenerPath");
  if (notifies) flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
  return flags;
}

}  // namespace holdfast
