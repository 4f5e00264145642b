// What a compiled filter in the cache is known by: everything that it is made from.
#include "profiles/seccomp/filter.h"
#include "profiles/seccomp/library.h"

namespace holdfast {
namespace {

// Raise it whenever compile() makes another program of the same description.
constexpr uint32_t kFormat = 3;

// Unambiguous by lengths and counts, not for reading.
class Encoder {
 public:
  Encoder() { out_.reserve(16 << 10); }
  void number(uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
    out_ += static_cast<char>(value);
  }
  void optional(const std::optional<uint32_t>& value) { number(value ? uint64_t{*value} + 1 : 0); }
  void text(std::string_view value) {
    number(value.size());
    out_ += value;
  }
  void texts(const oci::Strings& values) {
    number(values.size());
    for (const std::string& value : values) text(value);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

}  // namespace

std::string cache_key(const oci::Seccomp& seccomp, CompileOptions options) {
  Encoder e;
  e.number(kFormat);
  e.text(seccomp::library_version());
  e.number(seccomp::native_architecture());
  e.number((options.complain ? 1u : 0u) | (options.own ? 2u : 0u));
  e.number(static_cast<uint64_t>(seccomp.default_action));
  e.optional(seccomp.default_errno_ret);
  e.texts(seccomp.architectures);
  // Flags and the listener are for loading: the same program serves all of them.
  e.number(seccomp.syscalls.size());
  for (const oci::SeccompRule& rule : seccomp.syscalls) {
    e.texts(rule.names);
    e.number(static_cast<uint64_t>(rule.action));
    e.optional(rule.errno_ret);
    e.number(rule.args.size());
    for (const oci::SeccompArg& arg : rule.args) {
      e.number(arg.index);
      e.number(arg.value);
      e.number(arg.value_two);
      e.number(static_cast<uint64_t>(arg.op));
    }
  }
  return e.take();
}

}  // namespace holdfast
