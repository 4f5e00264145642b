#include "profiles/seccomp/front.h"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <cerrno>
#include <cstddef>

namespace holdfast {
namespace {

constexpr uint32_t kX32Bit = 0x40000000;
constexpr uint32_t kEnosys = SECCOMP_RET_ERRNO | ENOSYS;

sock_filter load(size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}
sock_filter jump(uint16_t condition, uint32_t k, uint8_t if_true, uint8_t if_false) {
  return BPF_JUMP(static_cast<uint16_t>(BPF_JMP | condition | BPF_K), k, if_true, if_false);
}
sock_filter answer(uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }

constexpr bool kLittleEndian = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
constexpr size_t kArgument = offsetof(seccomp_data, args) + (kLittleEndian ? 0 : 4);

Filter judged(const Front::ByArgument& call) {
  Filter code;
  for (const auto& one : call.cases) {
    code.push_back(load(kArgument));
    if (one.mask != UINT32_MAX) code.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, one.mask));
    code.push_back(jump(BPF_JEQ, one.value, 0, 1));
    code.push_back(answer(one.action));
  }
  code.push_back(answer(call.otherwise));
  code.insert(code.begin(), jump(BPF_JEQ, call.number, 0, static_cast<uint8_t>(code.size())));
  return code;
}

// The number is in the accumulator. What is not answered falls out of the end.
Filter answers(const Front::Section& section) {
  Filter code;
  for (const Front::Exact& exact : section.exact) {
    code.push_back(jump(BPF_JEQ, exact.number, 0, 1));
    code.push_back(answer(exact.action));
  }
  if (section.last) {
    if (section.own_from) {
      code.push_back(jump(BPF_JGT, *section.last, 0, 2));
      code.push_back(jump(BPF_JGE, *section.own_from, 1, 0));
    } else {
      code.push_back(jump(BPF_JGT, *section.last, 0, 1));
    }
    code.push_back(answer(kEnosys));
  }
  // Nearly every call has a lower number than the first of them: one comparison for those.
  if (section.exact.size() > 1) {
    const uint32_t first = section.exact.front().number;
    code.insert(code.begin(), jump(BPF_JGE, first, 0, static_cast<uint8_t>(code.size())));
  }
  if (section.by_argument) {
    const Filter first = judged(*section.by_argument);
    code.insert(code.begin(), first.begin(), first.end());
  }
  return code;
}

bool is_x86_64(uint32_t arch) { return arch == AUDIT_ARCH_X86_64; }

}  // namespace

Filter with_front(const Front& front, const Filter& program) {
  // Each section: [load arch] jeq arch, else skip it | load nr | jset x32 bit | answers. From the second
  // on the number is in the accumulator, so the architecture is loaded anew.
  Filter code;
  for (const Front::Section& section : front.sections) {
    const Filter body = answers(section);
    if (body.empty()) continue;
    const bool bit = is_x86_64(section.arch);
    const auto rest = static_cast<uint8_t>(body.size());
    code.push_back(load(offsetof(seccomp_data, arch)));
    code.push_back(jump(BPF_JEQ, section.arch, 0, static_cast<uint8_t>(rest + (bit ? 2 : 1))));
    code.push_back(load(offsetof(seccomp_data, nr)));
    if (bit && section.x32) code.push_back(jump(BPF_JSET, kX32Bit, 0, rest));
    if (bit && !section.x32) code.push_back(jump(BPF_JSET, kX32Bit, rest, 0));
    code.insert(code.end(), body.begin(), body.end());
  }
  code.insert(code.end(), program.begin(), program.end());
  return code;
}

}  // namespace holdfast
