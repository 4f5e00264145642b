// How commands answer.
#include <unistd.h>

#include "core/base/fd.h"
#include "shim/ctl/verb.h"

namespace holdfast::ctl {

Result<Format> format_of(const Arguments& args) {
  const std::string name = args.text("format");
  if (name.empty() || name == "table") return Format::kTable;
  if (name == "json") return Format::kJson;
  return error("--format: unknown format \"{}\": table or json", name);
}

Result<> print(std::string_view text) {
  Fd out(STDOUT_FILENO);
  auto written = with_context(write_all(out, text), "write the answer");
  out.release();
  return written;
}

}  // namespace holdfast::ctl
