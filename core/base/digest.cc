#include "core/base/digest.h"

#include <sha2.h>

#include "core/base/text.h"

namespace holdfast {

std::string sha256_hex(std::string_view bytes) {
  SHA2_CTX context;
  SHA256Init(&context);
  SHA256Update(&context, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  char digest[SHA256_DIGEST_LENGTH];
  SHA256Final(reinterpret_cast<uint8_t*>(digest), &context);
  return hex({digest, sizeof digest});
}

}  // namespace holdfast
