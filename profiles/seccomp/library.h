// libseccomp, the one place that uses it: names to numbers, rules to a program.
//
//   HF_TRY(Library::Context context, Library::Context::make(SCMP_ACT_ALLOW...));
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/oci/spec.h"
#include "profiles/seccomp/filter.h"

namespace holdfast::seccomp {

// "2.5.4"
std::string library_version();

// "SCMP_ARCH_X86_64" -> libseccomp's token, which is AUDIT_ARCH_* for all but x32.
std::optional<uint32_t> architecture(std::string_view name);
uint32_t native_architecture();
bool is_x32(uint32_t token);

// The number that rules take (negative where this architecture has no such call); nothing: unknown name.
std::optional<int> call_number(const std::string& name);
// The number on one architecture; nothing where there is none.
std::optional<uint32_t> call_number(uint32_t architecture, const std::string& name);
// Its name there; nothing where libseccomp knows none.
std::optional<std::string> call_name(uint32_t architecture, uint32_t number);

// One filter in the making.
class Builder {
 public:
  struct Attributes {
    uint32_t default_action = 0;             // SECCOMP_RET_* with its data
    std::optional<uint32_t> foreign_action;  // of architectures that were not added
    bool tree = false;                       // a binary tree instead of a chain of comparisons
  };
  static Result<Builder> make(const Attributes& attributes);

  Result<> add_architecture(uint32_t token);
  Result<> add_rule(uint32_t action, int number, const std::vector<oci::SeccompArg>& args);
  Result<Filter> program() const;

 private:
  struct Release {
    void operator()(void* context) const;
  };
  explicit Builder(void* context) : context_(context) {}
  std::unique_ptr<void, Release> context_;
};

}  // namespace holdfast::seccomp
