// The published schemas say what the decoders take: every field, every word, no other.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/base/fd.h"
#include "profiles/policy/policy_json.h"
#include "profiles/policy/profile_json.h"

namespace holdfast {
namespace {

using json::Kind;
using json::Value;

// "capabilities.allow[]" -> the words that may stand there, or nothing for other kinds of values.
using Fields = std::map<std::string, std::set<std::string>>;

// Lists the members that a describe() asks for.
class Lister {
 public:
  static constexpr bool kDecodes = true;

  Lister(Fields& fields, std::set<std::string>& required, std::string path)
      : fields_(fields), required_(required), path_(std::move(path)) {}

  template <class T>
  bool field(std::string_view name, T&) {
    list<T>(path_.empty() ? std::string(name) : path_ + "." + std::string(name));
    return false;
  }
  template <class T>
  void always(std::string_view name, T& out) {
    field(name, out);
  }
  template <class T>
  void required(std::string_view name, T& out) {
    field(name, out);
    required_.insert(path_.empty() ? std::string(name) : path_ + "." + std::string(name));
  }
  void closed() {}
  bool intact(std::string_view) const { return false; }
  void check(bool, std::string_view, std::string_view) {}
  void check(bool, std::string_view, size_t, std::string_view) {}
  Value object() const { return {}; }

 private:
  template <class T>
  void list(const std::string& path) {
    if constexpr (json::internal::kOptional<T>) {
      list<typename T::value_type>(path);
    } else if constexpr (json::internal::kSet<T>) {
      list<std::remove_cvref_t<decltype(T::first())>>(path + "[]");
    } else if constexpr (json::internal::kVector<T>) {
      list<typename T::value_type>(path + "[]");
    } else if constexpr (json::internal::kMap<T>) {
      list<typename T::mapped_type>(path + ".*");
    } else if constexpr (std::is_enum_v<T>) {
      for (const auto& each : json_names(T{})) fields_[path].insert(std::string(each.name));
    } else if constexpr (std::is_class_v<T> && !std::is_same_v<T, std::string> &&
                         !json::Scalar<T>) {
      Lister inner(fields_, required_, path);
      T value{};
      describe(inner, value);
    } else {
      fields_[path];
    }
  }

  Fields& fields_;
  std::set<std::string>& required_;
  std::string path_;
};

// The same from a schema.
class SchemaReader {
 public:
  SchemaReader(Value root, Fields& fields, std::set<std::string>& required)
      : root_(root), fields_(fields), required_(required) {}

  void read(Value schema, const std::string& path) {
    if (const Value ref = schema.find("$ref"); ref.present()) {
      const std::string_view name = ref.text();
      ASSERT_TRUE(name.starts_with("#/$defs/"));
      const Value target = root_.find("$defs").find(name.substr(8));
      ASSERT_TRUE(target.present()) << name;
      return read(target, path);
    }
    if (const Value words = schema.find("enum"); words.present()) {
      for (const Value each : words.children()) fields_[path].insert(std::string(each.text()));
    } else if (const Value forms = schema.find("oneOf"); forms.present()) {
      for (const Value each : forms.children())  // the short form has no members
        if (each.find("properties").present()) read(each, path);
    } else if (schema.find("items").present()) {
      read(schema.find("items"), path + "[]");
    } else if (schema.find("properties").present()) {
      EXPECT_EQ(schema.find("additionalProperties").kind(), Kind::kBool) << path;
      for (const Value each : schema.find("properties").children()) {
        EXPECT_TRUE(each.find("description").present() || each.find("$ref").present() ||
                    !path.empty())
            << path << "." << each.key();
        read(each, join(path, each.key()));
      }
      for (const Value each : schema.find("required").children())
        required_.insert(join(path, each.text()));
    } else if (schema.find("additionalProperties").kind() == Kind::kObject) {
      read(schema.find("additionalProperties"), path + ".*");
    } else {
      fields_[path];
    }
  }

 private:
  static std::string join(const std::string& path, std::string_view name) {
    return path.empty() ? std::string(name) : path + "." + std::string(name);
  }

  Value root_;
  Fields& fields_;
  std::set<std::string>& required_;
};

// Words that are no enum of ours but checked by hand.
void expect_same(Fields ours, Fields published, const std::vector<std::string>& by_hand) {
  for (const std::string& path : by_hand) {
    EXPECT_FALSE(published[path].empty()) << path;
    ours[path] = published[path];
  }
  EXPECT_EQ(ours, published);
}

template <class T>
void check_schema(const char* name, const std::vector<std::string>& by_hand,
                  const std::set<std::string>& also_required = {}) {
  auto text = read_file(std::string(HOLDFAST_UNIT_DATA "/../../packaging/schema/") + name);
  ASSERT_TRUE(text) << text.error().message;
  auto schema = json::Document::parse(*text);
  ASSERT_TRUE(schema) << schema.error().message;
  Fields ours, published;
  std::set<std::string> required, published_required;
  Lister lister(ours, required, "");
  T value{};
  describe(lister, value);
  SchemaReader(schema->root(), published, published_required).read(schema->root(), "");
  expect_same(ours, published, by_hand);
  required.insert(also_required.begin(), also_required.end());
  EXPECT_EQ(required, published_required);
}

TEST(Schema, OfProfilesIsTheDecoders) {
  // That it extends something is checked where profiles are flattened.
  check_schema<Profile>("profile.schema.json", {"onSupervisorLoss"}, {"extends"});
}

TEST(Schema, OfPoliciesIsTheDecoders) {
  check_schema<PolicyFile>(
      "policy.schema.json",
      {"rules[].match.engine", "exceptions[].match.engine", "default.deny[]", "rules[].deny[]"});
}

}  // namespace
}  // namespace holdfast
