// compile_policy: the texts of the files to one checked PolicySet.
#include <algorithm>
#include <memory>

#include "profiles/policy/lattice.h"
#include "profiles/policy/policy_json.h"
#include "profiles/policy/policy_set.h"
#include "profiles/policy/profile_json.h"

namespace holdfast {
namespace {

constexpr size_t kMaxFile = 1 << 20;

json::Limits limits_for(const PolicyText& file) {
  return {.bytes = kMaxFile, .depth = 8, .nodes = 1 << 16, .comments = true, .source = file.path};
}

std::string_view stem_of(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);
  return path.substr(0, path.rfind('.'));
}

// One file, and all that is wrong with it.
struct Parsed {
  const PolicyText* file;
  json::Document document;
  json::Errors errors;
};

class Compiler {
 public:
  Result<PolicySet> run(const std::vector<PolicyText>& policies,
                        const std::vector<PolicyText>& profiles) {
    // Profiles point into the list while they are flattened.
    profiles_.reserve(profiles.size());
    for (const PolicyText& file : profiles) open_profile(file);
    for (Source& source : profiles_) flatten(source);
    for (Source& source : profiles_) finish(*source.parsed);
    for (const PolicyText& file : policies) add_policy(file);
    if (!problems_.empty()) return error("{}", problems_);
    return std::move(set_);
  }

 private:
  enum class State { kNew, kOpen, kDone, kBroken };
  struct Source {
    std::unique_ptr<Parsed> parsed;
    std::string_view name;
    State state = State::kNew;
  };

  void problem(std::string_view text) {
    if (!problems_.empty()) problems_ += "; ";
    problems_ += text;
  }

  void finish(Parsed& parsed) {
    if (!parsed.errors.empty()) problem(parsed.errors.text());
  }

  std::unique_ptr<Parsed> parse(const PolicyText& file) {
    auto document = json::Document::parse(file.text, limits_for(file));
    if (!document) {
      problem(document.error().message);
      return nullptr;
    }
    auto parsed = std::make_unique<Parsed>();
    parsed->file = &file;
    parsed->document = std::move(*document);
    parsed->errors = json::Errors(parsed->document.root(), file.path);
    return parsed;
  }

  void open_profile(const PolicyText& file) {
    set_.files.push_back(file.path);
    auto parsed = parse(file);
    if (parsed)
      profiles_.push_back({std::move(parsed), stem_of(file.path)});
    else
      broken_.push_back(std::string(stem_of(file.path)));
  }

  Source* find_source(std::string_view name) {
    for (Source& source : profiles_)
      if (source.name == name) return &source;
    return nullptr;
  }

  // What a profile extends, flattened; nullptr with an error told otherwise.
  const Profile* base_of(Source& source) {
    Parsed& parsed = *source.parsed;
    const json::Path root;
    const json::Path extends{&root, "extends"};
    const json::Value value = parsed.document.root().find("extends");
    if (value.kind() != json::Kind::kString) {
      parsed.errors.add(
          extends, value.present() ? "expected string"
                                   : "missing: a profile extends another one, in the end observe, "
                                     "baseline or restricted");
      return nullptr;
    }
    const std::string_view name = value.text();
    if (const Profile* shipped = shipped_profile(name)) return shipped;
    Source* base = find_source(name);
    if (!base) {
      if (std::find(broken_.begin(), broken_.end(), name) == broken_.end())
        parsed.errors.add(extends, fmt::format("no profile is called {}; there are {}",
                                               json::quoted(name, 64), profile_names()));
      return nullptr;
    }
    if (base->state == State::kOpen) {
      parsed.errors.add(extends, fmt::format("{} extends this one again: break the circle",
                                             json::quoted(name, 64)));
      return nullptr;
    }
    flatten(*base);
    if (base->state != State::kDone) return nullptr;
    return &set_.profiles.find(name_of(*base))->second;
  }

  static std::string name_of(const Source& source) { return std::string(source.name); }

  void flatten(Source& source) {
    if (source.state != State::kNew) return;
    source.state = State::kOpen;
    Parsed& parsed = *source.parsed;
    const Profile* base = base_of(source);
    Profile profile = base ? *base : Profile{};
    profile.name.clear();
    json::decode_over(parsed.document, true, parsed.errors, profile);
    check_name(parsed, source.name, profile.name);
    if (base) {
      profile.extends = base->name;
      for (const Loosening& each : loosenings(profile, *base)) tell(parsed, each, base->name);
    }
    profile.source = parsed.file->path;
    const bool good = base && parsed.errors.empty();
    source.state = good ? State::kDone : State::kBroken;
    if (good) set_.profiles.emplace(source.name, std::move(profile));
  }

  void check_name(Parsed& parsed, std::string_view stem, const std::string& name) {
    const json::Path root;
    const json::Path path{&root, "name"};
    if (parsed.errors.touches(path)) return;
    const bool plain = !name.empty() && name.find_first_not_of(
                                            "abcdefghijklmnopqrstuvwxyz0123456789-_.") == name.npos;
    if (!plain)
      parsed.errors.add(path, "expected lower-case letters, digits, \"-\", \"_\" and \".\"");
    else if (shipped_profile(name))
      parsed.errors.add(
          path, fmt::format("{} comes with holdfast: choose another name", json::quoted(name)));
    else if (name != stem)
      parsed.errors.add(path, fmt::format("the file is called {}.json: both have one name", stem));
  }

  // The path of "capabilities.allow" is where it stands in the file, or the deepest part of it.
  void tell(Parsed& parsed, const Loosening& loosening, std::string_view base) {
    const auto parts = split(loosening.field, '.');
    std::vector<json::Path> path(parts.size() + 1);
    for (size_t i = 0; i < parts.size(); ++i) path[i + 1] = {&path[i], parts[i]};
    if (parsed.errors.touches(path.back())) return;
    parsed.errors.add(
        path.back(),
        fmt::format("loosens {}: {} where it has {}; a profile only narrows what it extends, more "
                    "is an exception of the policy",
                    base, loosening.asked, loosening.allowed));
  }

  std::string profile_names() const {
    std::string text;
    for (const std::string_view name : shipped_profile_names()) {
      text += name;
      text += ", ";
    }
    for (const Source& source : profiles_) {
      text += source.name;
      text += ", ";
    }
    return text.substr(0, text.size() - 2);
  }

  void check_profile(Parsed& parsed, const json::Path& at, const Choice& choice) {
    if (!choice.profile || set_.find_profile(*choice.profile) || find_source(*choice.profile) ||
        std::find(broken_.begin(), broken_.end(), *choice.profile) != broken_.end())
      return;
    parsed.errors.add({&at, "profile"},
                      fmt::format("no profile is called {}; there are {}",
                                  json::quoted(*choice.profile, 64), profile_names()));
  }

  void add_policy(const PolicyText& file) {
    set_.files.push_back(file.path);
    auto parsed = parse(file);
    if (!parsed) return;
    PolicyFile policy;
    json::decode_over(parsed->document, true, parsed->errors, policy);
    const json::Path root;
    const auto place = [&](std::string& line) { line = fmt::format("{}:{}", file.path, line); };
    if (policy.fallback) {
      const json::Path at{&root, "default"};
      place(policy.fallback->source);
      check_profile(*parsed, at, *policy.fallback);
      if (set_.fallback)
        parsed->errors.add(at, fmt::format("stands in {} already", set_.fallback->source));
      else
        set_.fallback = std::move(policy.fallback);
    }
    if (policy.audit) {
      if (set_.audit)
        parsed->errors.add({&root, "audit"},
                           fmt::format("stands in {} already", set_.audit_source));
      set_.audit = std::move(policy.audit);
      set_.audit_source = file.path;
    }
    const json::Path rules{&root, "rules"};
    for (uint32_t i = 0; i < policy.rules.size(); ++i) {
      SelectRule& rule = policy.rules[i];
      const json::Path at{&rules, {}, i};
      place(rule.choice.source);
      check_profile(*parsed, at, rule.choice);
      set_.rules.push_back(std::move(rule));
    }
    const json::Path exceptions{&root, "exceptions"};
    for (uint32_t i = 0; i < policy.exceptions.size(); ++i) {
      Exception& exception = policy.exceptions[i];
      const json::Path at{&exceptions, {}, i};
      place(exception.source);
      for (const Exception& other : set_.exceptions)
        if (other.name == exception.name && !exception.name.empty())
          parsed->errors.add({&at, "name"},
                             fmt::format("{} stands in {} already",
                                         json::quoted(exception.name, 64), other.source));
      set_.exceptions.push_back(std::move(exception));
    }
    for (std::string& each : policy.trusted_annotations)
      set_.trusted_annotations.push_back(std::move(each));
    finish(*parsed);
  }

  PolicySet set_;
  std::vector<Source> profiles_;
  std::vector<std::string> broken_;  // profiles whose file is no JSON
  std::string problems_;
};

}  // namespace

const Profile* PolicySet::find_profile(std::string_view name) const {
  if (const auto found = profiles.find(std::string(name)); found != profiles.end())
    return &found->second;
  return shipped_profile(name);
}

Result<PolicySet> compile_policy(const std::vector<PolicyText>& policies,
                                 const std::vector<PolicyText>& profiles) {
  return Compiler().run(policies, profiles);
}

}  // namespace holdfast
