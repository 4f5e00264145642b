#include "shim/ctl/json_answer.h"

#include "shim/ctl/table.h"

namespace holdfast::ctl {

void JsonAnswer::text(std::string_view name, std::string_view value) {
  writer_.key(name);
  writer_.string(printable(value));
}

void JsonAnswer::element(std::string_view value) { writer_.string(printable(value)); }

}  // namespace holdfast::ctl
