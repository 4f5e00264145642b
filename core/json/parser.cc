// Document::parse: the callbacks of yajl that build the flat tree.
#include <yajl/yajl_parse.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "core/json/document.h"
#include "core/json/path.h"
#include "core/json/utf8.h"
#include "core/json/writer.h"

namespace holdfast::json {

class Builder {
 public:
  Builder(Document& document, std::string_view text, const Limits& limits)
      : nodes_(document.nodes_), texts_(document.texts_), text_(text), limits_(limits) {
    nodes_.reserve(std::min<size_t>(text.size() / 12 + 8, limits.nodes));
    texts_.reserve(text.size());  // decoding a string never makes it longer
    open_.reserve(limits.depth);
  }

  Result<> run();

 private:
  using Node = internal::Node;

  static Builder& self(void* context) { return *static_cast<Builder*>(context); }
  static const yajl_callbacks kCallbacks;

  bool refuse(std::string why) {
    refusal_ = std::move(why);
    return false;
  }

  std::pair<uint32_t, uint32_t> store(const void* bytes, size_t size) {
    const auto at = static_cast<uint32_t>(texts_.size());
    texts_.append(static_cast<const char*>(bytes), size);
    return {at, static_cast<uint32_t>(size)};
  }

  bool add(Kind kind, const void* bytes = nullptr, size_t size = 0) {
    if (nodes_.size() >= limits_.nodes)
      return refuse(fmt::format("more than {} values", limits_.nodes));
    Node node;
    node.kind = kind;
    std::tie(node.key_at, node.key_size) = std::exchange(key_, {0, 0});
    if (size > 0) std::tie(node.text_at, node.text_size) = store(bytes, size);
    node.next = static_cast<uint32_t>(nodes_.size()) + 1;
    if (key_line_ == 0) mark_position(token_size(kind, size));
    node.line = std::exchange(key_line_, 0);
    node.column = key_column_;
    nodes_.push_back(node);
    return true;
  }

  bool open(Kind kind) {
    if (open_.size() >= limits_.depth)
      return refuse(fmt::format("nested deeper than {}", limits_.depth));
    open_.push_back(static_cast<uint32_t>(nodes_.size()));
    return add(kind);
  }

  bool close() {
    nodes_[open_.back()].next = static_cast<uint32_t>(nodes_.size());
    const bool fine = nodes_[open_.back()].kind == Kind::kArray || check_duplicates();
    open_.pop_back();
    return fine;
  }

  bool check_duplicates();
  std::string path_of(uint32_t member) const;
  static size_t token_size(Kind kind, size_t text) {
    switch (kind) {
      case Kind::kString:
        return text + 2;
      case Kind::kNumber:
        return text;
      case Kind::kNull:
      case Kind::kBool:
        return 4;
      default:
        return 1;
    }
  }
  void mark_position(size_t token);
  std::string position(size_t offset) const;

  std::string_view key(uint32_t at) const {
    return std::string_view(texts_).substr(nodes_[at].key_at, nodes_[at].key_size);
  }

  std::vector<Node>& nodes_;
  std::string& texts_;
  std::string_view text_;
  const Limits& limits_;
  yajl_handle handle_ = nullptr;
  std::vector<uint32_t> open_;  // the containers that we are in
  std::vector<uint32_t> members_;
  std::pair<uint32_t, uint32_t> key_{0, 0};
  std::string refusal_;
  size_t line_at_ = 0, line_start_ = 0;
  uint32_t line_ = 1;
  uint32_t key_line_ = 0, key_column_ = 0;  // of the key just read; 0: none
};

const yajl_callbacks Builder::kCallbacks = {
    .yajl_null = [](void* c) -> int { return self(c).add(Kind::kNull); },
    .yajl_boolean = [](void* c, int value) -> int {
      if (!self(c).add(Kind::kBool)) return false;
      self(c).nodes_.back().truth = value != 0;
      return true;
    },
    .yajl_integer = nullptr,
    .yajl_double = nullptr,
    .yajl_number = [](void* c, const char* text, size_t size) -> int {
      return self(c).add(Kind::kNumber, text, size);
    },
    .yajl_string = [](void* c, const unsigned char* text, size_t size) -> int {
      return self(c).add(Kind::kString, text, size);
    },
    .yajl_start_map = [](void* c) -> int { return self(c).open(Kind::kObject); },
    .yajl_map_key = [](void* c, const unsigned char* text, size_t size) -> int {
      self(c).key_ = self(c).store(text, size);
      self(c).mark_position(size + 2);
      return true;
    },
    .yajl_end_map = [](void* c) -> int { return self(c).close(); },
    .yajl_start_array = [](void* c) -> int { return self(c).open(Kind::kArray); },
    .yajl_end_array = [](void* c) -> int { return self(c).close(); },
};

// yajl passes duplicates on; Go takes the last and yajl_tree the first, so that two readers of the
// same document could see two containers.
bool Builder::check_duplicates() {
  const uint32_t object = open_.back();
  members_.clear();
  for (uint32_t at = object + 1; at < nodes_.size(); at = nodes_[at].next) members_.push_back(at);
  uint32_t found = 0;
  if (members_.size() <= 12) {
    for (size_t i = 1; i < members_.size() && !found; ++i)
      for (size_t j = 0; j < i && !found; ++j)
        if (key(members_[i]) == key(members_[j])) found = members_[i];
  } else {
    std::sort(members_.begin(), members_.end(),
              [&](uint32_t a, uint32_t b) { return std::pair(key(a), a) < std::pair(key(b), b); });
    const auto twin = std::adjacent_find(members_.begin(), members_.end(),
                                         [&](uint32_t a, uint32_t b) { return key(a) == key(b); });
    if (twin != members_.end()) found = twin[1];
  }
  if (!found) return true;
  const Node& node = nodes_[found];
  if (!limits_.source.empty())
    return refuse(fmt::format("{}:{}:{}: {}: duplicate key", limits_.source, node.line, node.column,
                              path_of(found)));
  return refuse(fmt::format("{}: duplicate key (line {})", path_of(found), node.line));
}

std::string Builder::path_of(uint32_t member) const {
  std::string path;
  for (size_t depth = 1; depth <= open_.size(); ++depth) {
    // An attacker's keys may be long and deep: the first ones and the last tell enough.
    if (depth < open_.size() && path.size() > 512) {
      if (!path.ends_with("...")) path += "...";
      continue;
    }
    const uint32_t at = depth < open_.size() ? open_[depth] : member;
    const uint32_t parent = open_[depth - 1];
    uint32_t index = Path::kNoIndex;
    if (nodes_[parent].kind == Kind::kArray) {
      index = 0;
      for (uint32_t child = parent + 1; child < at; child = nodes_[child].next) ++index;
    }
    append_step(path, key(at), index);
  }
  return path;
}

// Where the token that was just read begins: its size is that of its text, so that of a string with
// escapes the column may be off by them.
void Builder::mark_position(size_t token) {
  // yajl_complete_parse counts anew from 0.
  const size_t now = std::max(line_at_, std::min(yajl_get_bytes_consumed(handle_), text_.size()));
  while (line_at_ < now) {
    const void* end = std::memchr(text_.data() + line_at_, '\n', now - line_at_);
    if (!end) break;
    ++line_;
    line_at_ = line_start_ = static_cast<size_t>(static_cast<const char*>(end) - text_.data()) + 1;
  }
  line_at_ = now;
  key_line_ = line_;
  const size_t begin = std::max(line_start_, now - std::min(now, token));
  key_column_ = static_cast<uint32_t>(begin - line_start_ + 1);
}

std::string Builder::position(size_t offset) const {
  const std::string_view before = text_.substr(0, std::min(offset, text_.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto column = before.size() - (before.rfind('\n') + 1) + 1;
  if (!limits_.source.empty()) return fmt::format("{}:{}:{}", limits_.source, line, column);
  return fmt::format("line {}, column {}", line, column);
}

// The offset of the first "\uD800" to "\uDFFF" that is not part of a pair, or npos: yajl would make
// a "?" of it.
size_t find_lone_surrogate(std::string_view text) {
  const auto unit = [&](size_t at) -> unsigned {
    if (text.size() < at + 6 || text[at] != '\\' || text[at + 1] != 'u') return 0;
    return parse_number<unsigned>(text.substr(at + 2, 4), 16).value_or(0);
  };
  for (size_t at = text.find('\\'); at < text.size(); at = text.find('\\', at)) {
    const unsigned high = unit(at);
    if (high < 0xd800 || high > 0xdfff) {
      at += 2;
      continue;
    }
    const unsigned low = unit(at + 6);
    if (high > 0xdbff || low < 0xdc00 || low > 0xdfff) return at;
    at += 12;
  }
  return std::string_view::npos;
}

Result<> Builder::run() {
  if (text_.size() > limits_.bytes)
    return error("{}{}larger than {} bytes", limits_.source, limits_.source.empty() ? "" : ": ",
                 limits_.bytes);
  if (const size_t at = find_invalid_utf8(text_); at != std::string_view::npos)
    return error("{}: invalid UTF-8", position(at));
  if (const size_t at = find_lone_surrogate(text_); at != std::string_view::npos)
    return error("{}: half of a surrogate pair", position(at));

  const std::unique_ptr<std::remove_pointer_t<yajl_handle>, decltype(&yajl_free)> handle(
      yajl_alloc(&kCallbacks, nullptr, this), &yajl_free);
  if (!handle) return error("out of memory");
  handle_ = handle.get();
  yajl_config(handle_, yajl_dont_validate_strings, 1);  // done above, stricter
  yajl_config(handle_, yajl_allow_comments, limits_.comments ? 1 : 0);

  const auto* bytes = reinterpret_cast<const unsigned char*>(text_.data());
  yajl_status status = yajl_parse(handle_, bytes, text_.size());
  // The offending byte or the last one of the offending token was consumed.
  size_t at = std::max<size_t>(yajl_get_bytes_consumed(handle_), 1) - 1;
  if (status == yajl_status_ok) {
    status = yajl_complete_parse(handle_);
    at = text_.size();
  }
  if (status == yajl_status_ok) return {};
  if (!refusal_.empty()) {
    const bool placed = limits_.source.empty() || refusal_.starts_with(limits_.source);
    return placed ? error("{}", refusal_) : error("{}: {}", position(at), refusal_);
  }
  unsigned char* told = yajl_get_error(handle_, 0, bytes, text_.size());
  std::string why = told ? reinterpret_cast<const char*>(told) : "syntax error";
  yajl_free_error(handle_, told);
  while (!why.empty() && (why.back() == '\n' || why.back() == '.')) why.pop_back();
  return error("{}: {}", position(at), why);
}

Result<Document> Document::parse(std::string_view text, const Limits& limits) {
  Document document;
  HF_DO(Builder(document, text, limits).run());
  return document;
}

}  // namespace holdfast::json
