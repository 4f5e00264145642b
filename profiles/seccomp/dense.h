// The same filter in fewer instructions: a search over ranges of system call numbers.
//
// libseccomp writes one comparison per system call. Most neighbours have the same answer, and the kernel
// checks, translates and compiles every instruction each time a filter is loaded.
//
//   dense({}, program): load arch | one section per architecture: load nr | jge ... | ret
//
// Calls whose answer depends on their arguments keep the instructions that judge them. Exactly the same
// verdict for every architecture, number and argument; a program of a form that this does not
// understand is returned as it is.
#pragma once

#include "profiles/seccomp/filter.h"

namespace holdfast {

Filter dense(const Filter& program);

}  // namespace holdfast
