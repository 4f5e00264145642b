#include "core/event/redact.h"

#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "core/json/utf8.h"

namespace holdfast {
namespace {

constexpr std::string_view kTelling[] = {"password", "passwd",     "passphrase",   "secret",
                                         "token",    "apikey",     "privatekey",   "accesskey",
                                         "authkey",  "credential", "encryptionkey"};
// Programs whose "-p" takes a password.
constexpr std::string_view kDashP[] = {"mysql",   "mysqldump",    "mysqladmin",
                                       "mariadb", "mariadb-dump", "mariadb-admin"};
constexpr size_t kMostArguments = 64;

// Letters and digits only, in lower case: "DB-Pass_Word" as "dbpassword".
std::string squeezed(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') out += static_cast<char>(c + 32);
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) out += c;
  }
  return out;
}

bool tells_a_secret(std::string_view name) {
  const std::string plain = squeezed(name);
  if (plain == "pass" || plain == "pwd" || plain == "auth" || plain.ends_with("pass")) return true;
  return std::any_of(std::begin(kTelling), std::end(kTelling),
                     [&](std::string_view word) { return plain.find(word) != plain.npos; });
}

// A name that may stand before "=" or ":".
bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// scheme://user:PASSWORD@host
void mask_url(std::string& text) {
  for (size_t at = text.find("://"); at != text.npos; at = text.find("://", at + 3)) {
    const size_t end = std::min(text.find_first_of("/?# \t\n'\"", at + 3), text.size());
    const size_t last = text.rfind('@', end);
    const size_t colon = text.find(':', at + 3);
    if (last == text.npos || last >= end || colon == text.npos || colon >= last) continue;
    text.replace(colon + 1, last - colon - 1, kMask);
  }
}

// "Authorization: Bearer X"
void mask_header(std::string& text) {
  for (const std::string_view scheme : {"Bearer ", "bearer ", "Basic ", "basic "}) {
    for (size_t at = text.find(scheme); at != text.npos; at = text.find(scheme, at + 1)) {
      const size_t from = at + scheme.size();
      const size_t end = std::min(text.find_first_of(" \t\n'\"", from), text.size());
      text.replace(from, end - from, kMask);
    }
  }
}

// NAME=VALUE and NAME: VALUE anywhere in the text, so that those in `sh -c '...'` count as well.
void mask_assignments(std::string& text, bool script) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '=' && text[at] != ':') continue;
    size_t begin = at;
    while (begin > 0 && is_name(std::string_view(text).substr(begin - 1, 1))) --begin;
    if (begin == at || !tells_a_secret(std::string_view(text).substr(begin, at - begin))) continue;
    size_t from = at + 1;
    if (text[at] == ':') {
      if (text.substr(from, 2) == "//") continue;
      while (from < text.size() && text[from] == ' ') ++from;
    }
    const char quote =
        from < text.size() && (text[from] == '"' || text[from] == '\'') ? text[from] : 0;
    if (quote) ++from;
    // A whole argument's value may hold blanks; within a longer text it ends at one.
    const bool whole = !script && text.find_first_not_of('-') == begin;
    size_t end = quote   ? text.find(quote, from)
                 : whole ? text.size()
                         : text.find_first_of(" \t\n;&|'\"", from);
    end = std::min(end, text.size());
    text.replace(from, end - from, kMask);
    at = from + kMask.size() - 1;
  }
}

// "--password VALUE" in the middle of a longer text.
void mask_options_within(std::string& text) {
  for (size_t at = text.find(" --"); at != text.npos; at = text.find(" --", at + 1)) {
    const size_t end = text.find_first_of(" =", at + 3);
    if (end == text.npos || text[end] != ' ') continue;
    if (!tells_a_secret(std::string_view(text).substr(at + 3, end - at - 3))) continue;
    const size_t from = end + 1;
    const size_t stop = std::min(text.find_first_of(" \t\n;&|'\"", from), text.size());
    if (stop > from && text[from] != '-') text.replace(from, stop - from, kMask);
  }
}

// Whether the next argument is a secret by itself.
bool announces_secret(std::string_view program, std::string_view arg) {
  if (!arg.starts_with('-')) return false;
  if (program == "sshpass" && arg == "-p") return true;
  const std::string_view name = arg.substr(arg.starts_with("--") ? 2 : 1);
  return name.size() > 1 && is_name(name) && tells_a_secret(name);
}

bool is_plain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_./:=,+@%*").find(c) != std::string_view::npos;
  });
}

void append_quoted(std::string& out, std::string_view text) {
  if (is_plain(text)) {
    out += text;
    return;
  }
  out += '\'';
  for (const char c : text) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  out += '\'';
}

}  // namespace

std::vector<std::string> mask_secrets(const std::vector<std::string>& args) {
  std::vector<std::string> out;
  const std::string_view program = args.empty() ? "" : base_name(args[0]);
  const bool dash_p = std::find(std::begin(kDashP), std::end(kDashP), program) != std::end(kDashP);
  bool secret = false, user = false, script = false;
  for (const std::string& arg : args) {
    std::string& text = out.emplace_back(arg);
    if (std::exchange(secret, false) && !arg.starts_with('-')) {
      text = kMask;
      continue;
    }
    if (std::exchange(user, false)) {
      if (const size_t colon = text.find(':'); colon != text.npos)
        text.replace(colon + 1, text.npos, kMask);
      continue;
    }
    secret = announces_secret(program, arg);
    user = program == "curl" && (arg == "-u" || arg == "--user");
    if (dash_p && arg.starts_with("-p") && arg.size() > 2) text.replace(2, text.npos, kMask);
    if (program == "sshpass" && arg.starts_with("-p") && arg.size() > 2)
      text.replace(2, text.npos, kMask);
    mask_url(text);
    mask_header(text);
    mask_options_within(text);
    mask_assignments(text, std::exchange(script, arg == "-c"));
  }
  return out;
}

std::string command_line(const std::vector<std::string>& args, size_t limit) {
  // Masked before it is cut: a cut could hide from the mask what gives a secret away. What is long is
  // cut beforehand, at a length that no mask has to look beyond.
  std::vector<std::string> few(args.begin(), args.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                                args.size(), kMostArguments)));
  bool cut = few.size() < args.size();
  for (std::string& each : few) each.resize(std::min(each.size(), limit + 1));
  std::string out;
  size_t used = 0;
  for (const std::string& each : mask_secrets(few)) {
    const size_t left = limit - std::min(used, limit);
    if (left == 0) {
      cut = true;
      break;
    }
    const std::string text = clean(each, left);
    used += text.size() + 1;
    if (!out.empty()) out += ' ';
    append_quoted(out, text);
  }
  if (cut) out += " ...";
  return out;
}

std::vector<std::string> split_command_line(std::string_view text) {
  std::vector<std::string> args;
  bool open = false, quoted = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (!quoted && c == ' ') {
      open = false;
      continue;
    }
    if (!std::exchange(open, true)) args.emplace_back();
    if (c == '\'') {
      quoted = !quoted;
    } else if (c == '\\' && !quoted && at + 1 < text.size()) {
      args.back() += text[++at];
    } else {
      args.back() += c;
    }
  }
  return args;
}

std::string clean(std::string_view text, size_t limit) {
  std::string out;
  out.reserve(std::min(text.size(), limit) + 3);
  size_t at = 0;
  while (at < text.size()) {
    const size_t length = json::utf8_sequence(text.substr(at));
    // "..." counts: what was cut once is not cut again.
    const size_t put = length == 0 ? 3 : length;
    if (out.size() + put > limit) {
      while (!out.empty() && out.size() + 3 > limit) {
        // Back to the beginning of a character.
        while ((static_cast<unsigned char>(out.back()) & 0xc0) == 0x80) out.pop_back();
        out.pop_back();
      }
      return out += "...";
    }
    if (length == 0)
      out += "\xef\xbf\xbd";
    else
      out.append(text, at, length);
    at += length == 0 ? 1 : length;
  }
  return out;
}

}  // namespace holdfast
