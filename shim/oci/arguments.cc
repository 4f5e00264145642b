#include "shim/oci/arguments.h"

#include <algorithm>

namespace holdfast {
namespace {

constexpr Flag kHelp{"help", 'h', FlagKind::kSwitch, "", "show this help"};

}  // namespace

class ArgumentParser {
 public:
  ArgumentParser(const Syntax& syntax, std::span<const std::string> words)
      : syntax_(syntax), words_(words) {}

  Result<Arguments> run() {
    while (at_ < words_.size()) {
      const std::string& word = words_[at_++];
      if (syntax_.takes_any_flag && is_help(word)) {
        result_.help_ = true;
      } else if (syntax_.takes_any_flag) {
        result_.operands_.push_back(word);
      } else if (word == "--") {
        take_operands();
      } else if (word.size() > 1 && word[0] == '-') {
        HF_DO(take_flag(word));
      } else {
        result_.operands_.push_back(word);
        if (syntax_.stops_at_operand) take_operands();
      }
    }
    if (!result_.help_) HF_DO(check_operands());
    return std::move(result_);
  }

 private:
  void take_operands() {
    result_.operands_.insert(result_.operands_.end(), words_.begin() + static_cast<ptrdiff_t>(at_),
                             words_.end());
    at_ = words_.size();
  }

  static bool is_help(std::string_view word) { return word == "--help" || word == "-h"; }

  const Flag* find(std::string_view name) const {
    const auto named = [&](const Flag& flag) {
      return flag.name == name || (name.size() == 1 && flag.letter == name[0]);
    };
    if (named(kHelp)) return &kHelp;
    for (const auto flags : {syntax_.flags, syntax_.more_flags})
      for (const Flag& flag : flags)
        if (named(flag)) return &flag;
    return nullptr;
  }

  Result<> take_flag(const std::string& word) {
    const size_t start = word.starts_with("--") ? 2 : 1;
    const size_t equals = word.find('=');
    const std::string name =
        word.substr(start, equals == std::string::npos ? equals : equals - start);
    const Flag* const flag = find(name);
    if (!flag && start == 1 && equals == std::string::npos && switches_only(name))
      return take_switches(name);
    if (!flag) return error("flag provided but not defined: -{}", name);
    if (flag->kind == FlagKind::kSwitch)
      return take_switch(*flag, equals == std::string::npos ? "true" : word.substr(equals + 1));
    if (equals != std::string::npos) return take_value(*flag, word.substr(equals + 1));
    if (at_ == words_.size()) return error("flag needs an argument: -{}", name);
    return take_value(*flag, words_[at_++]);
  }

  bool switches_only(std::string_view letters) const {
    return letters.size() > 1 && std::all_of(letters.begin(), letters.end(), [&](char c) {
             const Flag* flag = find({&c, 1});
             return flag && flag->kind == FlagKind::kSwitch;
           });
  }

  Result<> take_switches(std::string_view letters) {
    for (const char c : letters) HF_DO(take_switch(*find({&c, 1}), "true"));
    return {};
  }

  Result<> take_switch(const Flag& flag, const std::string& value) {
    // The words that Go's strconv.ParseBool takes.
    constexpr std::string_view kTrue[] = {"1", "t", "T", "true", "TRUE", "True"};
    constexpr std::string_view kFalse[] = {"0", "f", "F", "false", "FALSE", "False"};
    const bool on = std::find(std::begin(kTrue), std::end(kTrue), value) != std::end(kTrue);
    if (!on && std::find(std::begin(kFalse), std::end(kFalse), value) == std::end(kFalse))
      return error("invalid boolean value \"{}\" for -{}", value, flag.name);
    if (&flag == &kHelp)
      result_.help_ = on;
    else
      result_.given_.push_back({flag.name, "", on});
    return {};
  }

  Result<> take_value(const Flag& flag, std::string value) {
    result_.given_.push_back({flag.name, std::move(value), true});
    return {};
  }

  Result<> check_operands() const {
    const size_t count = result_.operands_.size();
    if (count >= syntax_.min_operands && count <= syntax_.max_operands) return {};
    const bool exact = syntax_.min_operands == syntax_.max_operands;
    if (exact)
      return error("\"{}\" requires exactly {} argument(s)", syntax_.name, syntax_.min_operands);
    if (count < syntax_.min_operands)
      return error("\"{}\" requires a minimum of {} argument(s)", syntax_.name,
                   syntax_.min_operands);
    return error("\"{}\" requires a maximum of {} argument(s)", syntax_.name, syntax_.max_operands);
  }

  const Syntax& syntax_;
  std::span<const std::string> words_;
  size_t at_ = 0;
  Arguments result_;
};

Result<Arguments> parse(const Syntax& syntax, std::span<const std::string> words) {
  return ArgumentParser(syntax, words).run();
}

bool Arguments::given(std::string_view flag) const {
  return std::any_of(given_.begin(), given_.end(), [&](const Given& g) { return g.flag == flag; });
}

bool Arguments::on(std::string_view flag) const {
  bool on = false;
  for (const auto& each : given_)
    if (each.flag == flag) on = each.on;
  return on;
}

std::string Arguments::text(std::string_view flag) const {
  std::string_view value;
  for (const auto& each : given_)
    if (each.flag == flag) value = each.value;
  return std::string(value);
}

std::vector<std::string> Arguments::list(std::string_view flag) const {
  std::vector<std::string> values;
  for (const auto& each : given_)
    if (each.flag == flag) values.push_back(each.value);
  return values;
}

std::string usage(const Syntax& syntax, std::string_view program) {
  constexpr size_t kColumn = 30;
  std::string out =
      fmt::format("{0} {1} - {2}\n\nUsage:\n  {0} {1}{3}{4}{5}\n", program, syntax.name,
                  syntax.summary, syntax.flags.empty() ? "" : " [options]",
                  syntax.operands.empty() ? "" : " ", syntax.operands);
  if (!syntax.example.empty()) out += fmt::format("\nExample:\n  {}\n", syntax.example);
  out += "\nOptions:\n";
  const auto line = [&](const Flag& flag) {
    std::string left = flag.letter ? fmt::format("  -{}, --{}", flag.letter, flag.name)
                                   : fmt::format("      --{}", flag.name);
    if (!flag.value.empty()) left += fmt::format(" {}", flag.value);
    left.resize(std::max(left.size() + 2, kColumn), ' ');
    out += left;
    out += flag.help;
    out += '\n';
  };
  for (const auto flags : {syntax.flags, syntax.more_flags})
    for (const Flag& flag : flags) line(flag);
  line(kHelp);
  return out;
}

}  // namespace holdfast
