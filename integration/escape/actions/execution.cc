// Code that did not come with the image: written to memory, or to a file and executed.
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "integration/escape/actions/actions.h"

namespace holdfast::escape {
namespace {

constexpr size_t kPage = 4096;

// A function that returns at once.
#if defined(__x86_64__)
constexpr unsigned char kReturn[] = {0xc3};
#elif defined(__aarch64__)
constexpr unsigned char kReturn[] = {0xc0, 0x03, 0x5f, 0xd6};
#endif

void write_code(void* page) {
  memcpy(page, kReturn, sizeof kReturn);
  __builtin___clear_cache(static_cast<char*>(page), static_cast<char*>(page) + sizeof kReturn);
}

void call(void* page) {
  void (*code)();
  memcpy(&code, &page, sizeof page);
  code();
}

Outcome writable_code() {
  void* page =
      mmap(nullptr, kPage, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return denied();
  write_code(page);
  call(page);
  return done();
}

Outcome code_from_data() {
  void* page = mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return denied();
  write_code(page);
  if (mprotect(page, kPage, PROT_READ | PROT_EXEC) != 0) return denied();
  call(page);
  return done();
}

Outcome proven(int status) {
  return by_effect(status, [&] { return status == kProof; });
}

Outcome from_memory() {
  const int fd = memfd_create("attack", MFD_CLOEXEC);
  if (fd < 0 || !copy_self(fd)) return denied();
  return proven(status_of_descriptor(fd, kProve));
}

Outcome from_file(const char* path) {
  if (!copy_self(path)) return denied();
  const Outcome outcome = proven(status_of_program(path, kProve));
  unlink(path);
  return outcome;
}

Outcome from_new_directory() {
  if (mkdir("/attack", 0755) != 0) return denied();
  const Outcome outcome = from_file("/attack/attack");
  rmdir("/attack");
  return outcome;
}

constexpr Action kActions[] = {
    {"map-writable-code", "code of the attacker's", writable_code},
    {"data-to-code", "the same in two steps", code_from_data},
    {"exec-memfd", "a program that is in no file", from_memory},
    {"exec-dev-shm", "a program in memory", [] { return from_file("/dev/shm/attack"); }},
    {"exec-tmp", "a program that was not in the image", [] { return from_file("/tmp/attack"); }},
    {"exec-dev", "the same among the devices", [] { return from_file("/dev/attack"); }},
    {"exec-new-directory", "the same in a directory that the image has not", from_new_directory},
};

}  // namespace

std::span<const Action> execution_actions() { return kActions; }

}  // namespace holdfast::escape
