// A seccomp program for reading: one line per instruction, labels where jumps arrive, and what the
// numbers mean in the comments.
//
//   for (const Listed& line : disassemble(filter)) ...
//
//        jeq   #0xc000003e, L1, L9      ; x86_64
//    L1: ld    [0]                      ; the call's number
//        jge   #165, L4                 ; mount
//        ret   #0x00050001              ; EPERM
//
// Mnemonics are those of the kernel's bpf_asm (Documentation/networking/filter.rst).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "profiles/seccomp/filter.h"

namespace holdfast::ctl {

struct Listed {
  std::string label;    // "L4" where a jump arrives, else empty
  std::string text;     // "jge #165, L4"
  std::string comment;  // "mount"
};

std::vector<Listed> disassemble(const Filter& filter);

}  // namespace holdfast::ctl
