#include "shim/ctl/json_answer.h"

#include "shim/ctl/table.h"

namespace holdfast::ctl {
namespace {

// Tabs and newlines stay: the writer escapes them.
std::string clean(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of("\t\n"), text.size());
    out += printable(text.substr(0, end));
    if (end < text.size()) out += text[end];
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace

void JsonAnswer::text(std::string_view name, std::string_view value) {
  writer_.key(name);
  writer_.string(clean(value));
}

void JsonAnswer::element(std::string_view value) { writer_.string(clean(value)); }

}  // namespace holdfast::ctl
