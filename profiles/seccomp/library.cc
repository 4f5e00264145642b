#include "profiles/seccomp/library.h"

#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

#include "core/base/fd.h"

namespace holdfast::seccomp {
namespace {

// Actions and operators of libseccomp are the kernel's own values; API level 6 is 2.5's highest: given
// explicitly, libseccomp does not ask the kernel, and a filter is the same on every host.
constexpr unsigned kApiLevel = 6;

struct ArchitectureRow {
  std::string_view name;
  uint32_t token;
};
constexpr ArchitectureRow kArchitectures[] = {
    {"SCMP_ARCH_X86", SCMP_ARCH_X86},
    {"SCMP_ARCH_X86_64", SCMP_ARCH_X86_64},
    {"SCMP_ARCH_X32", SCMP_ARCH_X32},
    {"SCMP_ARCH_ARM", SCMP_ARCH_ARM},
    {"SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64},
    {"SCMP_ARCH_MIPS", SCMP_ARCH_MIPS},
    {"SCMP_ARCH_MIPS64", SCMP_ARCH_MIPS64},
    {"SCMP_ARCH_MIPS64N32", SCMP_ARCH_MIPS64N32},
    {"SCMP_ARCH_MIPSEL", SCMP_ARCH_MIPSEL},
    {"SCMP_ARCH_MIPSEL64", SCMP_ARCH_MIPSEL64},
    {"SCMP_ARCH_MIPSEL64N32", SCMP_ARCH_MIPSEL64N32},
    {"SCMP_ARCH_PPC", SCMP_ARCH_PPC},
    {"SCMP_ARCH_PPC64", SCMP_ARCH_PPC64},
    {"SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE},
    {"SCMP_ARCH_S390", SCMP_ARCH_S390},
    {"SCMP_ARCH_S390X", SCMP_ARCH_S390X},
    {"SCMP_ARCH_PARISC", SCMP_ARCH_PARISC},
    {"SCMP_ARCH_PARISC64", SCMP_ARCH_PARISC64},
    {"SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64},
};

scmp_compare operator_of(oci::SeccompOperator op) {
  switch (op) {
    case oci::SeccompOperator::kNe:
      return SCMP_CMP_NE;
    case oci::SeccompOperator::kLt:
      return SCMP_CMP_LT;
    case oci::SeccompOperator::kLe:
      return SCMP_CMP_LE;
    case oci::SeccompOperator::kEq:
      return SCMP_CMP_EQ;
    case oci::SeccompOperator::kGe:
      return SCMP_CMP_GE;
    case oci::SeccompOperator::kGt:
      return SCMP_CMP_GT;
    case oci::SeccompOperator::kMaskedEq:
      return SCMP_CMP_MASKED_EQ;
  }
  return SCMP_CMP_EQ;
}

}  // namespace

std::string library_version() {
  const scmp_version* version = seccomp_version();
  return fmt::format("{}.{}.{}", version->major, version->minor, version->micro);
}

std::optional<uint32_t> architecture(std::string_view name) {
  for (const ArchitectureRow& row : kArchitectures)
    if (row.name == name) return row.token;
  return std::nullopt;
}

uint32_t native_architecture() { return seccomp_arch_native(); }
bool is_x32(uint32_t token) { return token == SCMP_ARCH_X32; }

std::optional<int> call_number(const std::string& name) {
  const int number = seccomp_syscall_resolve_name(name.c_str());
  if (number == __NR_SCMP_ERROR) return std::nullopt;
  return number;
}

std::optional<uint32_t> call_number(uint32_t token, const std::string& name) {
  const int number = seccomp_syscall_resolve_name_arch(token, name.c_str());
  if (number < 0) return std::nullopt;
  return static_cast<uint32_t>(number);
}

std::optional<std::string> call_name(uint32_t token, uint32_t number) {
  struct Free {
    void operator()(char* text) const { ::free(text); }
  };
  const std::unique_ptr<char, Free> name(
      seccomp_syscall_resolve_num_arch(token, static_cast<int>(number)));
  if (!name) return std::nullopt;
  return std::string(name.get());
}

void Builder::Release::operator()(void* context) const { seccomp_release(context); }

Result<Builder> Builder::make(const Attributes& attributes) {
  if (const int code = seccomp_api_set(kApiLevel); code != 0)
    return os_error_of(-code, "libseccomp: set API level {}", kApiLevel);
  Builder builder(seccomp_init(attributes.default_action));
  if (!builder.context_)
    return error("libseccomp: no filter with default action {:#x}", attributes.default_action);
  const auto set = [&](scmp_filter_attr attribute, uint32_t value) -> Result<> {
    if (const int code = seccomp_attr_set(builder.context_.get(), attribute, value); code != 0)
      return os_error_of(-code, "libseccomp: set attribute {}", static_cast<int>(attribute));
    return {};
  };
  // How a filter is loaded is decided by who loads it.
  HF_DO(set(SCMP_FLTATR_CTL_NNP, 0));
  HF_DO(set(SCMP_FLTATR_CTL_TSYNC, 0));
  HF_DO(set(SCMP_FLTATR_CTL_OPTIMIZE, attributes.tree ? 2 : 1));
  if (attributes.foreign_action) HF_DO(set(SCMP_FLTATR_ACT_BADARCH, *attributes.foreign_action));
  return builder;
}

Result<> Builder::add_architecture(uint32_t token) {
  const int code = seccomp_arch_add(context_.get(), token);
  if (code != 0 && code != -EEXIST)
    return os_error_of(-code, "libseccomp: add architecture {:#x}", token);
  return {};
}

Result<> Builder::add_rule(uint32_t action, int number, const std::vector<oci::SeccompArg>& args) {
  std::vector<scmp_arg_cmp> comparisons;
  comparisons.reserve(args.size());
  for (const oci::SeccompArg& arg : args)
    comparisons.push_back({arg.index, operator_of(arg.op), arg.value, arg.value_two});
  const int code = seccomp_rule_add_array(context_.get(), action, number,
                                          static_cast<unsigned>(args.size()), comparisons.data());
  if (code != 0) return os_error_of(-code, "libseccomp: add rule");
  return {};
}

Result<Filter> Builder::program() const {
  const Fd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) return os_error("memfd_create");
  if (const int code = seccomp_export_bpf(context_.get(), file.get()); code != 0)
    return os_error_of(-code, "libseccomp: export filter");
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  if (size <= 0 || static_cast<size_t>(size) % sizeof(sock_filter) != 0)
    return error("libseccomp: export filter: {} bytes", size);
  Filter filter(static_cast<size_t>(size) / sizeof(sock_filter));
  if (::pread(file.get(), filter.data(), static_cast<size_t>(size), 0) != size)
    return os_error("read the exported filter");
  return filter;
}

}  // namespace holdfast::seccomp
