// What a container's seccomp filters say to a system call, which of them says it, and what would let
// the call through.
//
//   HF_TRY(Judgement j, judge_call(plan, filters, {.arch = arch, .nr = nr, .args = {}}));
//   j.answer == "EPERM"; j.filter == "baseline denylist"; j.remedy == "exception \"nestedContainers\" ..."
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/plan/plan.h"
#include "profiles/seccomp/filter.h"

namespace holdfast::ctl {

struct Judgement {
  uint32_t action =
      0;  // SECCOMP_RET_* with its data: the strictest of all filters, as the kernel takes
  std::string answer;  // "allowed", "EPERM", "killed"
  std::string filter;  // the name of the filter that says so; empty when all plainly allow it
  std::string remedy;  // what would let it through (a logged call: once its filter denies it)
};

// `removed` is seccomp.remove of the profile whose filters they are, nullptr where that is not known; of
// shipped profiles it is.
Result<Judgement> judge_call(const Plan& plan, const std::vector<Filter>& filters,
                             const SystemCall& call,
                             const std::vector<std::string>* removed = nullptr);

// Whether the program's call is carried out, logged or not.
bool allows(uint32_t action);

// "EPERM", "killed (the process)", "allowed and logged": the action in words.
std::string answer_text(uint32_t action);

// "x86_64" -> AUDIT_ARCH_X86_64, and back ("0xc00000b7" for one without a name here).
std::optional<uint32_t> arch_of(std::string_view name);
std::string arch_text(uint32_t arch);
uint32_t native_arch();

// "mount"; "#548" where nobody knows a name.
std::string call_text(uint32_t arch, int32_t number);
// By name or number.
Result<int32_t> call_of(uint32_t arch, std::string_view text);

}  // namespace holdfast::ctl
