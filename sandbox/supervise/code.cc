#include "sandbox/supervise/code.h"

#include <elf.h>

#include <cstring>

namespace holdfast {
namespace {

template <class Header, class Program>
bool names_loader(std::string_view begin) {
  Header header;
  if (begin.size() < sizeof header) return false;
  std::memcpy(&header, begin.data(), sizeof header);
  if (header.e_phentsize != sizeof(Program)) return false;
  for (size_t i = 0; i < header.e_phnum; ++i) {
    const size_t at = header.e_phoff + i * sizeof(Program);
    Program program;
    if (at > begin.size() || begin.size() - at < sizeof program) return false;
    std::memcpy(&program, begin.data() + at, sizeof program);
    if (program.p_type == PT_INTERP) return true;
  }
  return false;
}

}  // namespace

Code code_of(std::string_view begin) {
  if (begin.size() < EI_NIDENT || !begin.starts_with(std::string_view(ELFMAG, SELFMAG)))
    return Code::kNone;
  const bool wide = begin[EI_CLASS] == ELFCLASS64;
  const bool dynamic = wide ? names_loader<Elf64_Ehdr, Elf64_Phdr>(begin)
                            : names_loader<Elf32_Ehdr, Elf32_Phdr>(begin);
  return dynamic ? Code::kDynamic : Code::kNoLoader;
}

bool is_loader_path(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.starts_with("ld-") || name.starts_with("ld.so") || name.starts_with("ld64.so");
}

}  // namespace holdfast
