// The codec: one `describe` per struct serves decoding and encoding.
//
//   template <class V>
//   void describe(V& v, Rlimit& r) {          // in the namespace of Rlimit, found by argument
//   lookup
//     v.required("type", r.type);
//     v.required("hard", r.hard);
//     v.field("soft", r.soft);
//     v.check(r.soft <= r.hard, "soft", "above the hard limit");
//   }
//   inline constexpr json::Name<Mode> kModes[] = {{"enforce", Mode::kEnforce}, {"warn",
//   Mode::kWarn}}; constexpr std::span<const json::Name<Mode>> json_names(Mode) { return kModes; }
//
//   HF_TRY(Rlimit r, json::decode<Rlimit>(text, {.strict = true}));
//   std::string text = json::encode(r);       // canonical: declaration order, no blanks
//
// Members may be bool, any integer, std::string, an enum with json_names, a described struct, and
// std::optional, std::vector and std::map<std::string, T> of them.
//
//   field     may be absent; left out when empty: false, 0, "", no elements, nullopt, a struct
//   without members always    may be absent; always written: for members whose default is not their
//   empty value required  must be present; always written check     (decoding) an error at this
//   member unless the condition holds or it has an error already
//
// Decoding collects all errors, each with its path, joined by "; ". `null` counts as absent, as in
// Go, but where decoding is strict. A string may not hold a NUL byte: the kernel would see a shorter
// one. With a source in the options every error begins with SOURCE:LINE:COLUMN.
//
// Further shapes of members:
//
//   json::Set<Colour> colours;   // ["red", "green"]: bits, each the value of an enum with json_names
//   Quantity size;               // "512Mi" or 536870912: a type of its own that is one string or number
//     std::string parse_scalar(std::string_view text, Quantity& out);   // what is wrong, or ""
//     std::string scalar_text(const Quantity& value);                   // written as a string
//   ProgramRule rule;         // "/bin/sh", or an object: a described struct that has a short form
//     std::string parse_short(std::string_view text, ProgramRule& out);   // what is wrong, or ""
//     std::string short_text(const ProgramRule& value);                   // "": an object is written
//
// Reading into a value that is not empty lays the document over it: what is absent stays, lists are
// replaced, maps and structs are merged.
#pragma once

#include <algorithm>
#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/base/result.h"
#include "core/json/document.h"
#include "core/json/path.h"
#include "core/json/set.h"
#include "core/json/writer.h"

namespace holdfast::json {

template <class E>
struct Name {
  std::string_view name;
  E value;
};

struct Options {
  bool strict = false;  // an unknown member is an error
  Limits limits = {};
};

// A type of its own that is written as one string (or, read, one number).
template <class T>
concept Scalar = requires(T& out, std::string_view text) {
  { parse_scalar(text, out) } -> std::same_as<std::string>;
};

// A described struct that may be written as one string.
template <class T>
concept HasShortForm = requires(T& out, std::string_view text) {
  { parse_short(text, out) } -> std::same_as<std::string>;
};

namespace internal {
template <class T>
struct Shape : std::false_type {};
template <class T>
struct Shape<std::optional<T>> : std::true_type {};
template <class T>
inline constexpr bool kOptional = Shape<T>::value;

template <class T>
inline constexpr bool kSet = false;
template <class E>
inline constexpr bool kSet<Set<E>> = true;
template <class T>
inline constexpr bool kVector = false;
template <class T>
inline constexpr bool kVector<std::vector<T>> = true;
template <class T>
inline constexpr bool kMap = false;
template <class T>
inline constexpr bool kMap<std::map<std::string, T>> = true;
}  // namespace internal

// The deepest value on the way to `path` that the document has.
Value locate(Value root, const Path& path);

// The errors of one decoding.
class Errors {
 public:
  Errors() = default;
  // Each error will tell its place in the document.
  Errors(Value root, std::string_view source) : root_(root), source_(source) {}

  void add(const Path& path, std::string_view why);
  // Whether there is an error at this place or below it.
  bool touches(const Path& path) const;
  bool empty() const { return list_.empty(); }
  std::string text() const;

 private:
  static constexpr size_t kMost = 20;  // told one by one, the others are counted
  struct Entry {
    std::string path, why;
    uint32_t line = 0, column = 0;
  };
  std::vector<Entry> list_;
  size_t more_ = 0;
  Value root_;
  std::string source_;
};

// Reads the members of one object.
class Decoder {
 public:
  static constexpr bool kDecodes = true;

  Decoder(Errors& errors, bool strict, Value object, const Path& path)
      : errors_(errors), strict_(strict), closed_(strict), object_(object), path_(path) {}

  void closed() { closed_ = true; }

  template <class T>
  bool field(std::string_view name, T& out) {
    const Value value = look_up(name);
    if (!value.present() || (value.is_null() && !strict_)) return false;
    read(value, Path{&path_, name}, out);
    return true;
  }
  template <class T>
  void always(std::string_view name, T& out) {
    field(name, out);
  }
  template <class T>
  void required(std::string_view name, T& out) {
    if (!field(name, out)) errors_.add(Path{&path_, name}, "missing");
  }
  void check(bool condition, std::string_view name, std::string_view why) {
    if (!condition) complain(Path{&path_, name}, why);
  }
  // The place of this object and of a member, to tell about later.
  Value object() const { return object_; }
  // The same for an element of an array.
  void check(bool condition, std::string_view name, size_t index, std::string_view why) {
    const Path array{&path_, name};
    if (!condition) complain(Path{&array, {}, static_cast<uint32_t>(index)}, why);
  }

  // Whether this member has no error so far: for checks of others against it.
  bool intact(std::string_view name) const { return !errors_.touches(Path{&path_, name}); }

  template <class T>
  void read(Value value, const Path& path, T& out);
  // In a closed object an error for each member that was not asked for.
  void finish();

 private:
  Value look_up(std::string_view name);
  void complain(const Path& path, std::string_view why);
  bool expect(Value value, Kind kind, const Path& path, std::string_view what = {});
  void read_string(Value value, const Path& path, std::string& out);
  void out_of_range(Value value, const Path& path, std::string_view low, std::string_view high);
  template <class T>
  void read_integer(Value value, const Path& path, T& out);
  template <class E>
  void read_enum(Value value, const Path& path, E& out);
  template <class E>
  void read_set(Value value, const Path& path, Set<E>& out);

  Errors& errors_;
  const bool strict_;
  bool closed_;
  const Value object_;
  const Path& path_;
  uint32_t hint_ = 0;
  std::vector<std::string_view> known_;
};

// Writes the members of one object.
class Encoder {
 public:
  static constexpr bool kDecodes = false;

  explicit Encoder(Writer& writer) : writer_(writer) {}

  template <class T>
  bool field(std::string_view name, const T& value);
  template <class T>
  void always(std::string_view name, const T& value) {
    writer_.key(name);
    write(value);
  }
  template <class T>
  void required(std::string_view name, const T& value) {
    always(name, value);
  }
  void closed() {}
  bool intact(std::string_view) const { return true; }
  void check(bool, std::string_view, std::string_view) {}
  void check(bool, std::string_view, size_t, std::string_view) {}

  template <class T>
  void write(const T& value);

 private:
  Writer& writer_;
};

// Lays a parsed document over `out`; what is wrong is added to `errors`.
template <class T>
void decode_over(const Document& document, bool strict, Errors& errors, T& out) {
  const Path root;
  Decoder(errors, strict, document.root(), root).read(document.root(), root, out);
}

template <class T>
Result<T> decode(std::string_view text, const Options& options = {}) {
  HF_TRY(const Document document, Document::parse(text, options.limits));
  Errors errors;
  if (!options.limits.source.empty()) errors = Errors(document.root(), options.limits.source);
  T out{};
  decode_over(document, options.strict, errors, out);
  if (!errors.empty()) return error("{}", errors.text());
  return out;
}

template <class T>
std::string encode(const T& value, Layout layout = Layout::kCompact) {
  Writer writer(layout);
  Encoder(writer).write(value);
  return std::move(writer).take();
}

// ---- implementation ----

template <class T>
void Decoder::read(Value value, const Path& path, T& out) {
  if constexpr (std::is_same_v<T, bool>) {
    if (expect(value, Kind::kBool, path)) out = value.truth();
  } else if constexpr (std::integral<T>) {
    read_integer(value, path, out);
  } else if constexpr (std::is_same_v<T, std::string>) {
    read_string(value, path, out);
  } else if constexpr (std::is_enum_v<T>) {
    read_enum(value, path, out);
  } else if constexpr (Scalar<T>) {
    if (value.kind() != Kind::kNumber && !expect(value, Kind::kString, path)) return;
    if (const std::string why = parse_scalar(value.text(), out); !why.empty())
      errors_.add(path, why);
  } else if constexpr (internal::kSet<T>) {
    read_set(value, path, out);
  } else if constexpr (internal::kOptional<T>) {
    read(value, path, out ? *out : out.emplace());
  } else if constexpr (internal::kVector<T>) {
    if (!expect(value, Kind::kArray, path)) return;
    out.clear();
    uint32_t index = 0;
    for (const Value element : value.children())
      read(element, Path{&path, {}, index++}, out.emplace_back());
  } else if constexpr (internal::kMap<T>) {
    if (!expect(value, Kind::kObject, path)) return;
    for (const Value member : value.children()) {
      const Path place{&path, member.key()};
      std::string key(member.key());
      if (key.find('\0') != key.npos) errors_.add(place, "holds a NUL byte");
      if (!member.is_null()) read(member, place, out[std::move(key)]);
    }
  } else {
    if constexpr (HasShortForm<T>) {
      if (value.kind() == Kind::kString) {
        if (const std::string why = parse_short(value.text(), out); !why.empty())
          errors_.add(path, why);
        return;
      }
    }
    if (!expect(value, Kind::kObject, path)) return;
    Decoder inner(errors_, strict_, value, path);
    describe(inner, out);
    inner.finish();
  }
}

template <class E>
void Decoder::read_set(Value value, const Path& path, Set<E>& out) {
  if (!expect(value, Kind::kArray, path)) return;
  out.bits = 0;
  uint32_t index = 0;
  for (const Value element : value.children()) {
    E each{};
    read_enum(element, Path{&path, {}, index++}, each);
    out.bits |= uint64_t{1} << static_cast<unsigned>(each);
  }
}

template <class T>
void Decoder::read_integer(Value value, const Path& path, T& out) {
  if (value.kind() == Kind::kNumber) {
    if (const auto number = parse_number<T>(value.text())) {
      out = *number;
      return;
    }
  }
  out_of_range(value, path, std::to_string(std::numeric_limits<T>::min()),
               std::to_string(std::numeric_limits<T>::max()));
}

template <class E>
void Decoder::read_enum(Value value, const Path& path, E& out) {
  if (!expect(value, Kind::kString, path)) return;
  const auto names = json_names(E{});
  for (const auto& each : names) {
    if (each.name != value.text()) continue;
    out = each.value;
    return;
  }
  std::string why = "unknown value " + quoted(value.text(), 64) + " (known: ";
  for (const auto& each : names) {
    if (&each != &names.front()) why += ", ";
    why += each.name;
  }
  errors_.add(path, why += ')');
}

template <class T>
bool Encoder::field(std::string_view name, const T& value) {
  if constexpr (std::integral<T>) {
    if (value == T{}) return false;
  } else if constexpr (internal::kOptional<T>) {
    if (!value) return false;
  } else if constexpr (requires { value.empty(); }) {
    if (value.empty()) return false;
  } else if constexpr (std::is_class_v<T>) {
    const auto before = writer_.mark();
    writer_.key(name);
    const auto inner = writer_.mark();
    write(value);
    if (writer_.mark().size > inner.size + 2) return true;  // more than "{}"
    writer_.rewind(before);
    return false;
  }
  always(name, value);
  return true;
}

template <class T>
void Encoder::write(const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    writer_.boolean(value);
  } else if constexpr (std::integral<T>) {
    writer_.number(value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    writer_.string(value);
  } else if constexpr (std::is_enum_v<T>) {
    for (const auto& each : json_names(T{})) {
      if (each.value != value) continue;
      writer_.string(each.name);
      return;
    }
    writer_.null();
  } else if constexpr (Scalar<T>) {
    writer_.string(scalar_text(value));
  } else if constexpr (internal::kSet<T>) {
    writer_.begin_array();
    for (const auto& each : json_names(decltype(value.first()){}))
      if (value.has(each.value)) writer_.string(each.name);
    writer_.end_array();
  } else if constexpr (internal::kOptional<T>) {
    if (value)
      write(*value);
    else
      writer_.null();
  } else if constexpr (internal::kVector<T>) {
    writer_.begin_array();
    for (const auto& each : value) write(each);
    writer_.end_array();
  } else if constexpr (internal::kMap<T>) {
    writer_.begin_object();
    for (const auto& [key, each] : value) always(key, each);
    writer_.end_object();
  } else {
    if constexpr (HasShortForm<T>)
      if (const std::string text = short_text(value); !text.empty()) return writer_.string(text);
    writer_.begin_object();
    Encoder inner(writer_);
    describe(inner, const_cast<T&>(value));  // an Encoder only reads
    writer_.end_object();
  }
}

}  // namespace holdfast::json
