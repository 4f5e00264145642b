// Document: a parsed JSON text, owned, bounded and strict (yajl's push parser beneath).
//
//   HF_TRY(json::Document document, json::Document::parse(text));
//   json::Value spec = document.root();
//   for (json::Value mount : spec.find("mounts").children()) ...
//
// Refused: more bytes, depth or nodes than the limits; duplicate keys; invalid UTF-8 and unpaired
// surrogates; anything after the value; comments, unless allowed. Numbers are kept as text, so that
// 18446744073709551615 is what it says. Syntax errors tell line and column.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace holdfast::json {

enum class Kind : uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };
std::string_view kind_name(Kind kind);  // "string", ...

struct Limits {
  size_t bytes = 16 << 20;
  uint32_t depth = 64;
  uint32_t nodes = 1 << 20;
  bool comments = false;         // "//" and "/* */", for files that people write
  std::string_view source = {};  // its name: errors then begin with SOURCE:LINE:COLUMN
};

namespace internal {
// Nodes lie in document order: the first child of a container follows it, `next` is past its
// subtree.
struct Node {
  uint32_t key_at = 0, key_size = 0;
  uint32_t text_at = 0, text_size = 0;  // the text of a string or number
  uint32_t next = 0;
  uint32_t line = 0, column = 0;  // where its key begins, or it itself where it has none
  Kind kind = Kind::kNull;
  bool truth = false;
};
}  // namespace internal

class Document;

// A view of one value; it lives no longer than its document. An absent one is null and !present().
class Value {
 public:
  Value() = default;

  bool present() const { return document_ != nullptr; }
  Kind kind() const { return document_ ? node().kind : Kind::kNull; }
  bool is_null() const { return kind() == Kind::kNull; }
  std::string_view key() const;   // its name in the enclosing object
  std::string_view text() const;  // of a string (decoded) or a number (as written)
  bool truth() const { return document_ && node().truth; }
  uint32_t line() const { return document_ ? node().line : 0; }
  uint32_t column() const { return document_ ? node().column : 0; }

  // The member of an object with this name, looked for from `hint` on (a child index, updated):
  // reading members in about their order costs one comparison each.
  Value find(std::string_view name) const;
  Value find(std::string_view name, uint32_t& hint) const;

  class Iterator {
   public:
    Iterator(const Document* document, uint32_t at) : document_(document), at_(at) {}
    Value operator*() const { return Value(document_, at_); }
    Iterator& operator++();
    bool operator!=(const Iterator& other) const { return at_ != other.at_; }

   private:
    const Document* document_;
    uint32_t at_;
  };
  struct Children {
    Iterator first, last;
    Iterator begin() const { return first; }
    Iterator end() const { return last; }
  };
  Children children() const;

 private:
  friend class Document;
  Value(const Document* document, uint32_t at) : document_(document), at_(at) {}
  const internal::Node& node() const;

  const Document* document_ = nullptr;
  uint32_t at_ = 0;
};

class Document {
 public:
  static Result<Document> parse(std::string_view text, const Limits& limits = {});

  Value root() const { return Value(this, 0); }

 private:
  friend class Value;
  friend class Value::Iterator;
  friend class Builder;

  std::vector<internal::Node> nodes_;
  std::string texts_;  // all keys and texts, end to end
};

}  // namespace holdfast::json
