#include "core/json/writer.h"

#include "core/json/utf8.h"

namespace holdfast::json {
namespace {

// Appends what JSON must escape; the rest as it is.
void append_escaped(std::string& out, std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  size_t plain = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, plain, at - plain);
    plain = at + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        out += "\\u00";
        out += kDigits[static_cast<unsigned char>(c) >> 4];
        out += kDigits[c & 15];
    }
  }
  out.append(text, plain);
}

}  // namespace

void Writer::key(std::string_view name) {
  string(name);
  out_ += layout_ == Layout::kPretty ? ": " : ":";
  after_key_ = true;
}

void Writer::string(std::string_view text) {
  separate();
  out_ += '"';
  append_escaped(out_, text);
  out_ += '"';
}

void Writer::rewind(Mark mark) {
  out_.resize(mark.size);
  first_ = mark.first;
  after_key_ = mark.after_key;
}

void Writer::open(char bracket) {
  separate();
  out_ += bracket;
  ++depth_;
  first_ = true;
}

void Writer::close(char bracket) {
  --depth_;
  if (!first_) new_line();
  out_ += bracket;
  first_ = false;
}

void Writer::literal(std::string_view text) {
  separate();
  out_ += text;
}

void Writer::separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (!first_) out_ += ',';
  first_ = false;
  if (depth_ > 0) new_line();
}

void Writer::new_line() {
  if (layout_ == Layout::kCompact) return;
  out_ += '\n';
  out_.append(depth_ * 2, ' ');
}

std::string quoted(std::string_view text, size_t limit) {
  std::string clean;
  size_t at = 0;
  while (at < text.size() && at < limit) {
    const size_t length = utf8_sequence(text.substr(at));
    if (length == 0) {
      clean += "\xef\xbf\xbd";
      ++at;
    } else {
      clean.append(text, at, length);
      at += length;
    }
  }
  if (at < text.size()) clean += "...";
  std::string out = "\"";
  append_escaped(out, clean);
  return out += '"';
}

}  // namespace holdfast::json
