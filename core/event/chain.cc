#include "core/event/chain.h"

#include <algorithm>

#include "core/base/digest.h"
#include "core/base/text.h"

namespace holdfast {
namespace {

constexpr std::string_view kHead = R"({"metadata":{"sequence":)";
constexpr std::string_view kChain = R"(,"chain":")";
constexpr std::string_view kPrevious = R"(,"previous":")";
constexpr std::string_view kEnd = R"("}})";
constexpr size_t kDigits = 64;

std::string chain_of(std::string_view former, std::string_view body) {
  std::string text;
  text.reserve(former.size() + body.size());
  text += former;
  text += body;
  return sha256_hex(text);
}

bool is_digest(std::string_view text) {
  return text.size() == kDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

std::string seal(std::string line, Link& link, Place place) {
  line.resize(line.size() - 2);  // "}}"
  if (place == Place::kFirstOfFile) {
    line += kPrevious;
    line += link.chain;
    line += '"';
  }
  link.chain = chain_of(link.chain, line);
  ++link.sequence;
  line += kChain;
  line += link.chain;
  line += kEnd;
  return line;
}

bool Sealed::holds(std::string_view former_chain) const {
  return chain_of(former_chain, body) == chain;
}

Result<Sealed> open_seal(std::string_view line) {
  constexpr size_t kTail = kChain.size() + kDigits + kEnd.size();
  if (!line.starts_with(kHead)) return error("it does not begin with a sequence number");
  Sealed sealed;
  const std::string_view rest = line.substr(kHead.size());
  const auto sequence =
      parse_number<uint64_t>(rest.substr(0, rest.find_first_not_of("0123456789")));
  if (!sequence) return error("its sequence number is none");
  sealed.sequence = *sequence;
  if (line.size() < kHead.size() + kTail || !line.ends_with(kEnd))
    return error("it does not end with a chain");
  sealed.body = line.substr(0, line.size() - kTail);
  const std::string_view tail = line.substr(sealed.body.size());
  sealed.chain = tail.substr(kChain.size(), kDigits);
  if (!tail.starts_with(kChain) || !is_digest(sealed.chain))
    return error("it does not end with a chain");
  constexpr size_t kBefore = kPrevious.size() + kDigits + 1;
  if (sealed.body.size() > kBefore) {
    const std::string_view before = sealed.body.substr(sealed.body.size() - kBefore);
    if (before.starts_with(kPrevious) && before.back() == '"' &&
        is_digest(before.substr(kPrevious.size(), kDigits)))
      sealed.previous = before.substr(kPrevious.size(), kDigits);
  }
  return sealed;
}

}  // namespace holdfast
