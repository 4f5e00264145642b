#include "core/json/document.h"

namespace holdfast::json {

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return "boolean";
    case Kind::kNumber:
      return "number";
    case Kind::kString:
      return "string";
    case Kind::kArray:
      return "array";
    case Kind::kObject:
      return "object";
  }
  return "";
}

const internal::Node& Value::node() const { return document_->nodes_[at_]; }

std::string_view Value::key() const {
  if (!document_) return {};
  return std::string_view(document_->texts_).substr(node().key_at, node().key_size);
}

std::string_view Value::text() const {
  if (!document_) return {};
  return std::string_view(document_->texts_).substr(node().text_at, node().text_size);
}

Value Value::find(std::string_view name) const {
  uint32_t hint = 0;
  return find(name, hint);
}

Value Value::find(std::string_view name, uint32_t& hint) const {
  if (kind() != Kind::kObject) return {};
  const auto& nodes = document_->nodes_;
  const uint32_t first = at_ + 1;
  const uint32_t past = node().next;
  const uint32_t from = hint > at_ && hint < past ? hint : first;
  const auto scan = [&](uint32_t at, uint32_t end) -> Value {
    for (; at < end; at = nodes[at].next) {
      if (nodes[at].key_size != name.size() || Value(document_, at).key() != name) continue;
      hint = nodes[at].next;
      return Value(document_, at);
    }
    return {};
  };
  const Value found = scan(from, past);
  return found.present() ? found : scan(first, from);
}

Value::Iterator& Value::Iterator::operator++() {
  at_ = document_->nodes_[at_].next;
  return *this;
}

Value::Children Value::children() const {
  if (kind() != Kind::kArray && kind() != Kind::kObject) return {{nullptr, 0}, {nullptr, 0}};
  return {{document_, at_ + 1}, {document_, node().next}};
}

}  // namespace holdfast::json
