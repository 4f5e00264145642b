// Events as the host's own logs take them. Pure.
//
//   std::string entry = journal_entry(event);   // a datagram for /run/systemd/journal/socket
//   std::string line = syslog_line(event, pid); // a datagram for /dev/log
#pragma once

#include <sys/types.h>

#include <string>

#include "core/event/event.h"

namespace holdfast {

// The journal's native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): MESSAGE, PRIORITY,
// SYSLOG_IDENTIFIER=holdfast and HOLDFAST_* fields to search by, the OCSF object in HOLDFAST_EVENT.
std::string journal_entry(const Event& event);

// RFC 3164, facility authpriv, the time in UTC: what receives it by /dev/log takes its own.
std::string syslog_line(const Event& event, pid_t pid);

// syslog(3)'s numbers: informational 6, low 5, medium 4, high 3, critical 2.
int syslog_priority(Severity severity);

}  // namespace holdfast
