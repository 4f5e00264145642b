// The written forms of an Event.
//
//   std::string line = encode_ocsf(event, 17);     // one JSON object, without a newline
//   std::string same = encode_falco(event);        // what Falco's consumers read
//   HF_TRY(RecordedEvent back, decode_ocsf(line)); // only lines of our own
//
// encode_ocsf writes the Open Cybersecurity Schema Framework's shape, version 1.4
// (https://schema.ocsf.io/1.4.0), profiles "container" and "security_control"; what has no place there
// stands in `unmapped`, which is the last member. `metadata.sequence` is the first one: whoever continues
// the log need not parse the line. encode_falco writes Falco's JSON output
// (https://falco.org/docs/outputs/formatting/).
//
// Both are bounded (kMaxEventLine) and valid UTF-8 whatever the event holds; arguments are masked and cut
// (redact.h). Beyond that, decode_ocsf(encode_ocsf(e)) is e.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/event/event.h"

namespace holdfast {

inline constexpr size_t kMaxEventLine = 1 << 20;

std::string encode_ocsf(const Event& event, uint64_t sequence);
std::string encode_falco(const Event& event);

struct RecordedEvent {
  Event event;
  uint64_t sequence = 0;
};
Result<RecordedEvent> decode_ocsf(std::string_view line);

// One line for people, of text that may be an attacker's: what happened, to what, by whom.
//   "drift-exec: denied /tmp/.x by pid 18 /bin/sh in web-7f9c: it was written after the start"
std::string event_text(const Event& event);

}  // namespace holdfast
