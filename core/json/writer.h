// Writer: JSON text, compact (canonical) or indented for people.
//
//   json::Writer w(json::Layout::kCompact);
//   w.begin_object();
//   w.key("id"); w.string("c1");
//   w.end_object();
//   std::string text = std::move(w).take();   // {"id":"c1"}
//
// The canonical form: no blanks, members in the order they are written, only `"`, `\` and control
// characters escaped. Strings are written as they are: valid UTF-8 is the caller's business.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace holdfast::json {

enum class Layout : uint8_t { kCompact, kPretty };

class Writer {
 public:
  explicit Writer(Layout layout) : layout_(layout) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void key(std::string_view name);
  void string(std::string_view text);
  void boolean(bool value) { literal(value ? "true" : "false"); }
  void null() { literal("null"); }
  template <class T>
  void number(T value) {
    separate();
    char digits[24];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }

  // Undoes what was written since the mark: for a member that turned out to be empty.
  struct Mark {
    size_t size;
    bool first, after_key;
  };
  Mark mark() const { return {out_.size(), first_, after_key_}; }
  void rewind(Mark mark);

  std::string take() && { return std::move(out_); }

 private:
  void open(char bracket);
  void close(char bracket);
  void literal(std::string_view text);
  void separate();
  void new_line();

  std::string out_;
  Layout layout_;
  uint32_t depth_ = 0;
  bool first_ = true;  // nothing written yet in the innermost container
  bool after_key_ = false;
};

// The text as one JSON string, fit for a log line: bytes that are no UTF-8 become U+FFFD, and more
// than `limit` bytes are cut short with "...".
std::string quoted(std::string_view text, size_t limit = static_cast<size_t>(-1));

}  // namespace holdfast::json
