// Events for people, one line each and what mends it. Pure but for the local time.
//
//   12:03:11 high    drift-exec  web-7f9c      pid 18 /bin/sh: /tmp/.x (sha256 5b1c...)  blocked  T1059 T1105
//                    it was written after the start
//                    parents: /usr/sbin/nginx
//                    fix: if this file belongs to the image, rebuild it
#pragma once

#include <string>

#include "core/event/event.h"
#include "shim/ctl/table.h"

namespace holdfast::ctl {

std::string event_lines(const Event& event, const Terminal& terminal);

// What it was about: "/tmp/.x (sha256 5b1c...)", "to tcp 10.0.0.1:80", "mount(...)".
std::string subject_text(const Event& event);
// "12:03:11", with the date unless it is today's.
std::string clock_text(uint64_t nanoseconds);
Colour severity_colour(Severity severity);

}  // namespace holdfast::ctl
