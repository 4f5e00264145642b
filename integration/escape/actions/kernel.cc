// Parts of the kernel with a history of exploits, and code in the kernel itself.
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/fanotify.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <asm/ldt.h>
#endif

#include "integration/escape/actions/actions.h"

namespace holdfast::escape {
namespace {

Outcome bpf_map() {
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = attributes.value_size = 4;
  attributes.max_entries = 1;
  return by_result(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes));
}

Outcome bpf_program() {
  // r0 = 0; exit
  const bpf_insn code[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0},
                           {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attributes.insns = reinterpret_cast<__u64>(code);
  attributes.insn_cnt = 2;
  attributes.license = reinterpret_cast<__u64>("GPL");
  return by_result(syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes));
}

Outcome perf_event() {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_SW_TASK_CLOCK;
  attributes.exclude_kernel = 1;
  return by_result(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
}

Outcome add_a_key() {
  return by_result(
      syscall(SYS_add_key, "user", "holdfast-escape", "x", 1, KEY_SPEC_PROCESS_KEYRING));
}

Outcome ask_for_a_key() {
  return by_gate(
      syscall(SYS_request_key, "user", "holdfast-escape-none", nullptr, KEY_SPEC_PROCESS_KEYRING),
      ENOKEY);
}

Outcome user_keyring() {
  return by_result(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1));
}

Outcome ring() {
  unsigned char parameters[256] = {};
  return by_result(syscall(SYS_io_uring_setup, 4, parameters));
}

Outcome user_faults() {
  return by_result(syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY));
}

Outcome watch_file_systems() {
  return by_result(syscall(SYS_fanotify_init, FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY));
}

// An image of no bytes is no module.
Outcome module() { return by_gate(syscall(SYS_init_module, "", 0, ""), ENOEXEC); }

// This program is none either.
Outcome module_file() {
  const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  return by_gate(syscall(SYS_finit_module, fd, "", 0), ENOEXEC);
}

Outcome unload_module() {
  return by_gate(syscall(SYS_delete_module, "holdfast_no_such", O_NONBLOCK), ENOENT);
}

// More segments than there may be.
Outcome kexec() { return by_gate(syscall(SYS_kexec_load, 0, 1000, nullptr, ~0UL), EINVAL); }

Outcome local_descriptors() {
#if defined(__x86_64__)
  user_desc entry{};
  entry.limit = 0xfff;
  entry.seg_32bit = entry.limit_in_pages = entry.useable = 1;
  unsigned char seen[64] = {};
  // int in the kernel, so the upper half of the register is not a sign.
  const long result = static_cast<int>(syscall(SYS_modify_ldt, 1, &entry, sizeof entry));
  if (result < 0) {
    if (errno == 0) errno = static_cast<int>(-result);
    return denied();
  }
  return by_effect(
      result, [&] { return static_cast<int>(syscall(SYS_modify_ldt, 0, seen, sizeof seen)) > 0; });
#else
  return absent();
#endif
}

constexpr Action kActions[] = {
    {"bpf-map", "the kernel's virtual machine", bpf_map},
    {"bpf-program", "programs in the kernel", bpf_program},
    {"perf-event", "what other processes do", perf_event},
    {"add-key", "keys that no namespace separates", add_a_key},
    {"request-key", "keys of others", ask_for_a_key},
    {"keyctl", "the user's keyring, shared with the host", user_keyring},
    {"io-uring", "system calls that no filter sees", ring},
    {"userfaultfd", "halt the kernel at a chosen instant, to win races", user_faults},
    {"fanotify", "events of whole file systems", watch_file_systems},
    {"init-module", "code in the kernel", module},
    {"finit-module", "the same from a file", module_file},
    {"delete-module", "the kernel's modules gone", unload_module},
    {"kexec", "another kernel", kexec},
    {"modify-ldt", "segments, a source of exploits", local_descriptors},
};

}  // namespace

std::span<const Action> kernel_actions() { return kActions; }

}  // namespace holdfast::escape
