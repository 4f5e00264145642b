#include "shim/ctl/json_diff.h"

#include <algorithm>

#include "core/json/path.h"

namespace holdfast::ctl {
namespace {

using json::Kind;
using json::Value;

bool is_container(Value value) {
  return value.kind() == Kind::kObject || value.kind() == Kind::kArray;
}

bool is_plain_list(Value value) {
  if (value.kind() != Kind::kArray) return false;
  for (const Value each : value.children())
    if (is_container(each)) return false;
  return true;
}

std::vector<std::string> texts_of(Value list) {
  std::vector<std::string> texts;
  for (const Value each : list.children()) texts.push_back(plain_text(each));
  return texts;
}

// By what an element of a list is known among the others.
std::string name_of(Value element) {
  for (const std::string_view key : {"name", "control", "destination", "path", "type"})
    if (const Value found = element.find(key); found.kind() == Kind::kString)
      return std::string(found.text());
  return "";
}

class Differ {
 public:
  std::vector<Difference> found;

  void compare(const std::string& path, Value left, Value right) {
    if (is_plain_list(left) && is_plain_list(right)) return sets(path, left, right);
    if (left.kind() == right.kind() && left.kind() == Kind::kObject)
      return objects(path, left, right);
    if (left.kind() == right.kind() && left.kind() == Kind::kArray) return lists(path, left, right);
    const std::string one = plain_text(left), other = plain_text(right);
    if (one != other) found.push_back({path, one, other});
  }

 private:
  static std::string step(const std::string& path, std::string_view key) {
    std::string longer = path;
    json::append_step(longer, key, json::Path::kNoIndex);
    return longer;
  }

  void objects(const std::string& path, Value left, Value right) {
    for (const Value member : left.children())
      compare(step(path, member.key()), member, right.find(member.key()));
    for (const Value member : right.children())
      if (!left.find(member.key()).present()) compare(step(path, member.key()), {}, member);
  }

  void lists(const std::string& path, Value left, Value right) {
    const Named ones = named(left), others = named(right);
    for (const auto& [name, value] : ones)
      compare(fmt::format("{}[{}]", path, name), value, find(others, name));
    for (const auto& [name, value] : others)
      if (!find(ones, name).present()) compare(fmt::format("{}[{}]", path, name), {}, value);
  }

  using Named = std::vector<std::pair<std::string, Value>>;

  static Value find(const Named& list, std::string_view name) {
    const auto found = std::find_if(list.begin(), list.end(),
                                    [&](const auto& each) { return each.first == name; });
    return found == list.end() ? Value{} : found->second;
  }

  // Elements by name; those without one, or with another's, by position.
  static Named named(Value list) {
    Named all;
    for (const Value each : list.children()) {
      std::string name = name_of(each);
      if (name.empty()) name = fmt::format("{}", all.size());
      size_t copies = 1;
      const std::string first = name;
      while (std::any_of(all.begin(), all.end(), [&](const auto& e) { return e.first == name; }))
        name = fmt::format("{}#{}", first, ++copies);
      all.emplace_back(std::move(name), each);
    }
    return all;
  }

  void sets(const std::string& path, Value left, Value right) {
    const auto ones = texts_of(left), others = texts_of(right);
    const auto only = [](const auto& mine, const auto& theirs) {
      std::string text;
      for (const std::string& each : mine) {
        if (std::find(theirs.begin(), theirs.end(), each) != theirs.end()) continue;
        if (!text.empty()) text += ", ";
        text += each;
      }
      return text;
    };
    Difference difference{path, only(ones, others), only(others, ones)};
    if (difference.left.empty() && difference.right.empty()) {
      if (ones == others) return;
      difference = {path, plain_text(left), plain_text(right)};  // another order
    }
    found.push_back(std::move(difference));
  }
};

}  // namespace

std::string plain_text(Value value) {
  switch (value.kind()) {
    case Kind::kNull:
      return "";
    case Kind::kBool:
      return value.truth() ? "true" : "false";
    case Kind::kNumber:
    case Kind::kString:
      return std::string(value.text());
    case Kind::kArray: {
      std::string text;
      for (const Value each : value.children()) {
        if (!text.empty()) text += ", ";
        text += plain_text(each);
      }
      return "[" + text + "]";
    }
    case Kind::kObject: {
      std::string text;
      for (const Value each : value.children()) {
        if (!text.empty()) text += ", ";
        text += fmt::format("{}: {}", each.key(), plain_text(each));
      }
      return "{" + text + "}";
    }
  }
  return "";
}

std::vector<Difference> differences(Value left, Value right) {
  Differ differ;
  differ.compare("", left, right);
  return std::move(differ.found);
}

}  // namespace holdfast::ctl
