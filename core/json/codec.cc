#include "core/json/codec.h"

namespace holdfast::json {

// The deepest value on the way to `path` that there is.
Value locate(Value root, const Path& path) {
  if (!path.parent) return root;
  const Value parent = locate(root, *path.parent);
  Value found;
  if (path.index == Path::kNoIndex) {
    found = parent.find(path.key);
  } else {
    uint32_t index = 0;
    for (const Value each : parent.children())
      if (index++ == path.index) found = each;
  }
  return found.present() ? found : parent;
}

void Errors::add(const Path& path, std::string_view why) {
  if (list_.size() == kMost) {
    ++more_;
    return;
  }
  Entry entry{path_text(path), std::string(why)};
  if (root_.present()) {
    const Value at = locate(root_, path);
    entry.line = at.line();
    entry.column = at.column();
  }
  list_.push_back(std::move(entry));
}

bool Errors::touches(const Path& path) const {
  if (list_.empty()) return false;
  const std::string place = path_text(path);
  return std::any_of(list_.begin(), list_.end(), [&](const Entry& each) {
    const std::string_view at = each.path;
    return at.starts_with(place) &&
           (at.size() == place.size() || at[place.size()] == '.' || at[place.size()] == '[');
  });
}

std::string Errors::text() const {
  std::string out;
  for (const auto& each : list_) {
    if (!out.empty()) out += "; ";
    if (each.line > 0) out += fmt::format("{}:{}:{}: ", source_, each.line, each.column);
    if (!each.path.empty()) out += each.path + ": ";
    out += each.why;
  }
  if (more_ > 0) out += fmt::format("; and {} more", more_);
  return out;
}

Value Decoder::look_up(std::string_view name) {
  if (closed_) known_.push_back(name);
  return object_.find(name, hint_);
}

void Decoder::complain(const Path& path, std::string_view why) {
  if (!errors_.touches(path)) errors_.add(path, why);
}

void Decoder::finish() {
  if (!closed_) return;
  for (const Value member : object_.children())
    if (std::find(known_.begin(), known_.end(), member.key()) == known_.end())
      errors_.add(Path{&path_, member.key()}, "unknown field");
}

bool Decoder::expect(Value value, Kind kind, const Path& path, std::string_view what) {
  if (value.kind() == kind) return true;
  errors_.add(path, fmt::format("expected {}, found {}", what.empty() ? kind_name(kind) : what,
                                kind_name(value.kind())));
  return false;
}

void Decoder::read_string(Value value, const Path& path, std::string& out) {
  if (!expect(value, Kind::kString, path)) return;
  out = value.text();
  if (out.find('\0') != out.npos) errors_.add(path, "holds a NUL byte");
}

void Decoder::out_of_range(Value value, const Path& path, std::string_view low,
                           std::string_view high) {
  if (expect(value, Kind::kNumber, path, "integer"))
    errors_.add(path, fmt::format("expected integer in range {} to {}, found {}", low, high,
                                  value.text().substr(0, 32)));
}

}  // namespace holdfast::json
