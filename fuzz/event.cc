// Lines of the audit log: root's file, but what it tells came from containers, and it may have been changed.
// What is decoded is encoded to something that decodes to the same; the verifier and the search for a log's
// end read any bytes.
#include <sys/mman.h>
#include <unistd.h>

#include "core/event/formats.h"
#include "core/event/redact.h"
#include "fuzz/check.h"
#include "sandbox/audit/head.h"
#include "sandbox/audit/tail.h"
#include "sandbox/audit/verify.h"

namespace {

using namespace holdfast;

void check_file(std::string_view bytes) {
  const Fd file(::memfd_create("log", MFD_CLOEXEC));
  fuzz::require(file && write_all(file, bytes), "a file can be made", "");
  const auto report = verify_file(file, "log");
  fuzz::require(report.has_value(), "any file is judged", "");
  fuzz::require(bytes.empty() || !report->sound() || report->lines > 0,
                "bytes that are no line are a fault", bytes);
  const auto tail = read_tail(file, static_cast<off_t>(bytes.size()));
  fuzz::require(tail.has_value(), "any file has an end", "");
  fuzz::require(tail->found || tail->link.sequence == 0, "no line, no number", bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::check_round_trip(data, size, decode_ocsf, [](const RecordedEvent& recorded) {
    const std::string line = encode_ocsf(recorded.event, recorded.sequence);
    fuzz::require(line.size() <= kMaxEventLine, "a line is bounded", "");
    fuzz::require(event_text(recorded.event).find('\n') == std::string::npos, "one line", "");
    (void)encode_falco(recorded.event);
    return line;
  });
  (void)parse_head(text);
  fuzz::require(clean(text, 4096).size() <= 4096, "clean text is bounded", text);
  check_file(text);
  return 0;
}
