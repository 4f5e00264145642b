#include "core/base/result.h"

#include <cctype>
#include <cstring>

namespace holdfast {

Error Error::wrap(std::string_view phrase) && {
  message.insert(0, ": ");
  message.insert(0, phrase);
  return std::move(*this);
}

std::string errno_text(int code) {
  const char* known = strerrordesc_np(code);
  std::string text = known ? known : fmt::format("error {}", code);
  // "Operation not permitted" but not "RFS specific error": only a word's capital is lowered.
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])))
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

Failure os_failure(int code, std::string phrase) {
  return Failure(Error{fmt::format("{}: {}", phrase, errno_text(code)), code});
}

}  // namespace holdfast
