// What a file is to the kernel's program loaders, by its first bytes. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace holdfast {

enum class Code : uint8_t {
  kNone,     // no ELF file
  kDynamic,  // a program that names a loader (PT_INTERP)
  kNoLoader  // one that does not: static, a loader, a library
};

inline constexpr size_t kCodeHeader = 4096;
// Of the first kCodeHeader bytes, or of all there are.
Code code_of(std::string_view begin);

// Whether a path is that of a dynamic loader: "/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1".
bool is_loader_path(std::string_view path);

}  // namespace holdfast
