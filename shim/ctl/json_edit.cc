#include "shim/ctl/json_edit.h"

#include <algorithm>

#include "core/json/document.h"
#include "core/json/writer.h"

namespace holdfast::ctl {
namespace {

// Places in a text that is known to be valid JSON.
struct Span {
  size_t begin = 0, end = 0;
};
struct Member {
  Span key, value;
};
struct Object {
  Span span;  // with its braces
  std::vector<Member> members;
};

constexpr std::string_view kBlanks = " \t\r\n";

size_t skip_blanks(std::string_view text, size_t at) {
  return std::min(text.find_first_not_of(kBlanks, at), text.size());
}

size_t end_of_string(std::string_view text, size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return at + 1;
}

size_t end_of_value(std::string_view text, size_t at) {
  if (text[at] == '"') return end_of_string(text, at);
  if (text[at] != '{' && text[at] != '[')
    return std::min(text.find_first_of(",]} \t\r\n", at), text.size());
  int depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = end_of_string(text, at);
      continue;
    }
    depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
    ++at;
    if (depth == 0) break;
  }
  return at;
}

Object object_at(std::string_view text, size_t at) {
  Object object;
  object.span = {at, end_of_value(text, at)};
  at = skip_blanks(text, at + 1);
  while (at < text.size() && text[at] == '"') {
    Member member;
    member.key = {at, end_of_string(text, at)};
    at = skip_blanks(text, skip_blanks(text, member.key.end) + 1);  // over the colon
    member.value = {at, end_of_value(text, at)};
    object.members.push_back(member);
    at = skip_blanks(text, member.value.end);
    if (at < text.size() && text[at] == ',') at = skip_blanks(text, at + 1);
  }
  return object;
}

std::string place_of(std::string_view text, size_t at) {
  const std::string_view before = text.substr(0, at);
  return fmt::format("{}:{}", std::count(before.begin(), before.end(), '\n') + 1,
                     at - (before.rfind('\n') + 1) + 1);
}

Result<Object> root_of(std::string_view text) {
  HF_TRY(const json::Document document, json::Document::parse(text));
  const size_t at = skip_blanks(text, 0);
  if (document.root().kind() != json::Kind::kObject)
    return error("{}: expected an object, not {}", place_of(text, at),
                 json::kind_name(document.root().kind()));
  return object_at(text, at);
}

// Keys with escapes are compared as they are written: ours have none.
const Member* find(std::string_view text, const Object& object, std::string_view name) {
  for (const Member& member : object.members)
    if (text.substr(member.key.begin + 1, member.key.end - member.key.begin - 2) == name)
      return &member;
  return nullptr;
}

bool is_object(std::string_view text, const Member& member) {
  return text[member.value.begin] == '{';
}

// The blanks before `at` on its line; nothing where something else stands there.
std::optional<std::string> indent_before(std::string_view text, size_t at) {
  const size_t line = text.substr(0, at).rfind('\n');
  if (line == std::string_view::npos) return std::nullopt;
  const std::string_view blanks = text.substr(line + 1, at - line - 1);
  if (blanks.find_first_not_of(" \t") != std::string_view::npos) return std::nullopt;
  return std::string(blanks);
}

// How the members of an object stand: on lines of their own with this indent, or in one line.
struct Layout {
  bool lines = true;
  std::string indent, outer;
};

Layout layout_of(std::string_view text, const Object& object) {
  Layout layout;
  layout.outer = indent_before(text, object.span.end - 1).value_or("");
  if (object.members.empty()) {
    const size_t line = text.substr(0, object.span.begin).rfind('\n') + 1;
    const size_t end = text.find_first_not_of(" \t", line);
    layout.outer = std::string(text.substr(line, end - line));
    layout.indent = layout.outer + (layout.outer.starts_with('\t') ? "\t" : "  ");
    return layout;
  }
  const auto indent = indent_before(text, object.members[0].key.begin);
  layout.lines = indent.has_value();
  layout.indent = indent.value_or("");
  return layout;
}

// `path` from its first name on as nested objects around the value.
std::string nested(std::span<const std::string_view> path, std::string_view value,
                   const Layout& layout) {
  if (path.empty()) return std::string(value);
  const std::string inner = fmt::format("\"{}\": ", path[0]);
  if (!layout.lines) return "{ " + inner + nested(path.subspan(1), value, layout) + " }";
  const std::string unit =
      layout.indent.substr(std::min(layout.outer.size(), layout.indent.size()));
  const Layout below{true, layout.indent + (unit.empty() ? "  " : unit), layout.indent};
  return "{\n" + below.indent + inner + nested(path.subspan(1), value, below) + "\n" +
         layout.indent + "}";
}

std::string inserted(const std::string& text, const Object& object,
                     std::span<const std::string_view> path, std::string_view value) {
  const Layout layout = layout_of(text, object);
  const std::string member =
      fmt::format("\"{}\": ", path[0]) + nested(path.subspan(1), value, layout);
  if (object.members.empty()) {
    std::string out = text.substr(0, object.span.begin);
    out += "{\n" + layout.indent + member + "\n" + layout.outer + "}";
    return out + text.substr(object.span.end);
  }
  const size_t at = object.members.back().value.end;
  return text.substr(0, at) + (layout.lines ? ",\n" + layout.indent : ", ") + member +
         text.substr(at);
}

std::string without(const std::string& text, const Object& object, const Member* gone) {
  const size_t index = static_cast<size_t>(gone - object.members.data());
  size_t begin = object.span.begin + 1, end = object.span.end - 1;
  if (index > 0) {
    begin = object.members[index - 1].value.end;
    end = gone->value.end;
  } else if (object.members.size() > 1) {
    begin = gone->key.begin;
    end = object.members[1].key.begin;
  }
  return text.substr(0, begin) + text.substr(end);
}

}  // namespace

Result<std::string> set_member(const std::string& text, const MemberPath& path,
                               std::string_view value) {
  HF_TRY(Object object, root_of(text));
  for (size_t i = 0; i < path.size(); ++i) {
    const Member* const found = find(text, object, path[i]);
    const auto rest = std::span(path).subspan(i);
    if (!found) return inserted(text, object, rest, value);
    if (i + 1 == path.size())
      return text.substr(0, found->value.begin) + std::string(value) +
             text.substr(found->value.end);
    if (!is_object(text, *found))
      return error("{}: {}: expected an object", place_of(text, found->value.begin), path[i]);
    object = object_at(text, found->value.begin);
  }
  return text;
}

Result<std::string> remove_member(const std::string& text, const MemberPath& path) {
  HF_TRY(Object object, root_of(text));
  for (size_t i = 0; i < path.size(); ++i) {
    const Member* const found = find(text, object, path[i]);
    if (!found) return text;
    if (i + 1 == path.size()) return without(text, object, found);
    if (!is_object(text, *found)) return text;
    object = object_at(text, found->value.begin);
  }
  return text;
}

Result<std::optional<std::string>> member(const std::string& text, const MemberPath& path) {
  HF_TRY(Object object, root_of(text));
  for (size_t i = 0; i < path.size(); ++i) {
    const Member* const found = find(text, object, path[i]);
    if (!found) return std::optional<std::string>();
    if (i + 1 == path.size())
      return std::optional<std::string>(
          text.substr(found->value.begin, found->value.end - found->value.begin));
    if (!is_object(text, *found)) return std::optional<std::string>();
    object = object_at(text, found->value.begin);
  }
  return std::optional<std::string>();
}

}  // namespace holdfast::ctl
