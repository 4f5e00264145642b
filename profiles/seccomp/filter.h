// Seccomp filters: an OCI description compiled to BPF (libseccomp), and evaluated without a kernel.
//
//   HF_TRY(Filter filter, compile(description));
//   verdict(filter, {.arch = AUDIT_ARCH_X86_64, .nr = SYS_socket, .args = {AF_VSOCK}}) == SECCOMP_RET_ERRNO | EPERM
#pragma once

#include <linux/filter.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/oci/spec.h"

namespace holdfast {

using Filter = std::vector<sock_filter>;

struct CompileOptions {
  bool complain = false;  // denials become SECCOMP_RET_LOG
  // A description of our own, not an engine's. Architectures that it does not list (x32 among them)
  // answer ENOSYS, as a kernel without them does, instead of ending the program. And a rule on the
  // family of socket(2) means that call alone: libseccomp would extend it to all families of i386's
  // socketcall, whose arguments no filter sees.
  bool own = false;
};

// Calls newer than the newest one that the profile names answer ENOSYS.
Result<Filter> compile(const oci::Seccomp& seccomp, CompileOptions options = {});

// All that the program depends on, as bytes: the description, libseccomp's version, the architecture, our
// own format's version. Two descriptions have the same only if they make the same program.
std::string cache_key(const oci::Seccomp& seccomp, CompileOptions options = {});

struct SystemCall {
  uint32_t arch = 0;
  int32_t nr = 0;
  std::array<uint64_t, 6> args{};
};

// What the kernel would answer: a SECCOMP_RET_* value with its data.
uint32_t verdict(const Filter& filter, const SystemCall& call);

// SECCOMP_FILTER_FLAG_* of the description's flags.
Result<uint32_t> filter_flags(const oci::Seccomp& seccomp);

}  // namespace holdfast
