// What of a process's arguments may be written down: cut to a size, and without what looks like a
// secret. Every encoder of events goes through here, so no caller can forget it.
//
//   command_line({"mysql", "--password=hunter2"}, 4096) == "mysql --password=***"
//   split_command_line("sh -c 'a b'") == {"sh", "-c", "a b"}
//
// Masked: the value of an option or assignment whose name speaks of a password, secret, token, key or
// credential (--password=X, --token X, DB_PASSWORD=X), the password of a URL, what follows "Bearer" and
// "Basic", curl's -u, mysql's -pX, sshpass's -p. A secret in a place that nothing gives away is not
// recognised: that is why only arguments, and never environments or contents, are recorded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

inline constexpr std::string_view kMask = "***";

std::vector<std::string> mask_secrets(const std::vector<std::string>& args);

// Masked and quoted as a shell would read it; at most `limit` bytes before quoting, then "...".
std::string command_line(const std::vector<std::string>& args, size_t limit);
// The other way round.
std::vector<std::string> split_command_line(std::string_view text);

// Valid UTF-8 of at most `limit` bytes: other bytes become U+FFFD, what is cut ends in "...".
std::string clean(std::string_view text, size_t limit);

}  // namespace holdfast
