#include "shim/ctl/toml_lines.h"

#include <algorithm>

#include "core/base/text.h"

namespace holdfast::ctl {
namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  Result<std::vector<TomlStatement>> scan() {
    while (skip_to_statement()) {
      HF_DO(text_[at_] == '[' ? table() : key());
    }
    return std::move(statements_);
  }

 private:
  bool ended() const { return at_ >= text_.size(); }
  bool starts(std::string_view with) const { return text_.substr(at_).starts_with(with); }
  Failure wrong(std::string_view what) const {
    const std::string_view before = text_.substr(0, std::min(at_, text_.size()));
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const size_t column = before.size() - (before.rfind('\n') + 1) + 1;
    return error("{}:{}: {}", line, column, what);
  }
  size_t line() const {
    return static_cast<size_t>(
               std::count(text_.begin(), text_.begin() + static_cast<ptrdiff_t>(at_), '\n')) +
           1;
  }

  void skip_blanks() {
    while (!ended() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  void skip_line() { at_ = std::min(text_.find('\n', at_), text_.size() - 1) + 1; }
  bool skip_to_statement() {
    while (!ended()) {
      begin_ = at_;
      skip_blanks();
      if (ended()) return false;
      const char c = text_[at_];
      if (c != '#' && c != '\n' && c != '\r') return true;
      skip_line();
    }
    return false;
  }

  Result<std::string> quoted(char quote) {
    const size_t begin = ++at_;
    std::string out;
    for (; !ended() && text_[at_] != quote && text_[at_] != '\n'; ++at_) {
      // Escapes in keys are not needed by any name that we look for.
      if (quote == '"' && text_[at_] == '\\') out += text_[at_++];
      if (!ended()) out += text_[at_];
    }
    if (ended() || text_[at_] != quote) {
      at_ = begin - 1;
      return wrong("a key's quote is not closed");
    }
    ++at_;
    return out;
  }

  Result<TomlPath> dotted_key() {
    TomlPath path;
    for (;;) {
      skip_blanks();
      if (ended()) return wrong("expected a key");
      if (text_[at_] == '"' || text_[at_] == '\'') {
        HF_TRY(std::string part, quoted(text_[at_]));
        path.push_back(std::move(part));
      } else {
        const size_t begin = at_;
        while (!ended() && is_bare(text_[at_])) ++at_;
        if (at_ == begin) return wrong("expected a key");
        path.emplace_back(text_.substr(begin, at_ - begin));
      }
      skip_blanks();
      if (ended() || text_[at_] != '.') return path;
      ++at_;
    }
  }

  static bool is_bare(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  }

  Result<> table() {
    TomlStatement statement;
    statement.line = line();
    const bool many = starts("[[");
    statement.kind = many ? TomlStatement::Kind::kTables : TomlStatement::Kind::kTable;
    at_ += many ? 2 : 1;
    HF_TRY(statement.path, dotted_key());
    if (!starts(many ? "]]" : "]")) return wrong("expected ]");
    at_ += many ? 2 : 1;
    statement.parts = statement.path.size();
    table_ = statement.path;
    return finish(std::move(statement));
  }

  Result<> key() {
    TomlStatement statement;
    statement.line = line();
    HF_TRY(const TomlPath own, dotted_key());
    statement.parts = own.size();
    statement.path = table_;
    statement.path.insert(statement.path.end(), own.begin(), own.end());
    if (!starts("=")) return wrong("expected =");
    ++at_;
    skip_blanks();
    statement.value.begin = at_;
    HF_DO(value());
    statement.value.end = at_;
    if (statement.value.end == statement.value.begin) return wrong("expected a value");
    return finish(std::move(statement));
  }

  Result<> finish(TomlStatement statement) {
    skip_blanks();
    if (!ended() && text_[at_] != '#' && text_[at_] != '\n' && text_[at_] != '\r')
      return wrong("expected the end of the line");
    if (!ended()) skip_line();
    statement.whole.begin = begin_;
    statement.whole.end = at_;
    statements_.push_back(std::move(statement));
    return {};
  }

  Result<> string() {
    const char quote = text_[at_];
    const std::string three(3, quote);
    const bool many = starts(three);
    const size_t begin = at_;
    at_ += many ? 3 : 1;
    while (!ended()) {
      if (quote == '"' && text_[at_] == '\\') {
        at_ += 2;
        continue;
      }
      if (!many && text_[at_] == '\n') break;
      if (many ? starts(three) : text_[at_] == quote) {
        at_ += many ? 3 : 1;
        // """a"""" ends with a quote of the text
        while (many && !ended() && text_[at_] == quote) ++at_;
        return {};
      }
      ++at_;
    }
    at_ = begin;
    return wrong("a text's quote is not closed");
  }

  // One value, over as many lines as it has.
  Result<> value() {
    const size_t begin = at_;
    int depth = 0;
    while (!ended()) {
      const char c = text_[at_];
      if (c == '"' || c == '\'') {
        HF_DO(string());
        if (depth == 0) return {};
        continue;
      }
      if (depth > 0 && c == '#') {
        skip_line();
        continue;
      }
      if (depth == 0 && (c == '\n' || c == '\r' || c == '#')) break;
      if (c == '[' || c == '{') ++depth;
      if ((c == ']' || c == '}') && --depth < 0) return wrong("nothing to close");
      ++at_;
      if (depth == 0 && (c == ']' || c == '}')) return {};
    }
    if (depth > 0) {
      at_ = begin;
      return wrong("a bracket is not closed");
    }
    while (at_ > begin && (text_[at_ - 1] == ' ' || text_[at_ - 1] == '\t')) --at_;
    return {};
  }

  const std::string_view text_;
  size_t at_ = 0, begin_ = 0;
  TomlPath table_;
  std::vector<TomlStatement> statements_;
};

}  // namespace

Result<std::vector<TomlStatement>> scan_toml(std::string_view text) { return Scanner(text).scan(); }

bool is_within(const TomlPath& path, const TomlPath& prefix) {
  return path.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), path.begin());
}

}  // namespace holdfast::ctl
