#include "core/base/digest.h"

#include <sha2.h>
#include <unistd.h>

#include "core/base/text.h"

namespace holdfast {

namespace {

std::string finish(SHA2_CTX& context) {
  char digest[SHA256_DIGEST_LENGTH];
  SHA256Final(reinterpret_cast<uint8_t*>(digest), &context);
  return hex({digest, sizeof digest});
}

}  // namespace

std::string sha256_hex(std::string_view bytes) {
  SHA2_CTX context;
  SHA256Init(&context);
  SHA256Update(&context, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  return finish(context);
}

Result<std::string> sha256_file(const Fd& file) {
  SHA2_CTX context;
  SHA256Init(&context);
  uint8_t block[16384];
  off_t at = 0;
  while (true) {
    const ssize_t got = ::pread(file.get(), block, sizeof block, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error("read what is to be hashed");
    if (got == 0) return finish(context);
    SHA256Update(&context, block, static_cast<size_t>(got));
    at += got;
  }
}

}  // namespace holdfast
