// The command line as data: each verb declares its flags, parse() reads them, usage() prints them.
//
//   constexpr Flag kFlags[] = {{"force", 'f', FlagKind::kSwitch, "", "kill the container first"}};
//   HF_TRY(Arguments args, parse({.name = "delete", .flags = kFlags, .max_operands = 1}, words));
//   args.on("force"); args.text("bundle"); args.list("env"); args.operands()[0]
//
// Accepted as runc (urfave/cli) does: --flag value, --flag=value, -flag value, -f value, --switch,
// --switch=false, flags after operands (unless the verb stops at its first operand), "--" as the end
// of flags; and several one-letter switches behind one dash. Everything else is an error.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace holdfast {

enum class FlagKind { kSwitch, kText, kList };

struct Flag {
  std::string_view name;  // "bundle"
  char letter = 0;        // 'b'
  FlagKind kind = FlagKind::kSwitch;
  std::string_view value;  // what the value is, for the help: "DIR"
  std::string_view help;
};

// What a command takes.
struct Syntax {
  std::string_view name;      // "create"
  std::string_view operands;  // "ID", for the help
  std::string_view summary;   // one line
  std::string_view example;   // a command line
  std::span<const Flag> flags = {};
  std::span<const Flag> more_flags = {};
  size_t min_operands = 0;
  size_t max_operands = 0;  // SIZE_MAX: any number
  // Words after the first operand belong to the operands: exec ID ls -l
  bool stops_at_operand = false;
  bool takes_any_flag = false;  // whatever follows is an operand
};

class Arguments {
 public:
  bool given(std::string_view flag) const;
  bool on(std::string_view flag) const;
  // The last value given, else "".
  std::string text(std::string_view flag) const;
  std::vector<std::string> list(std::string_view flag) const;
  // The number given, `otherwise` where there is none, an error where it is none in T's range.
  template <std::integral T>
  Result<T> number(std::string_view flag, T otherwise) const {
    if (!given(flag)) return otherwise;
    if (const auto value = parse_number<T>(text(flag))) return *value;
    return error("invalid value \"{}\" for flag --{}", text(flag), flag);
  }
  const std::vector<std::string>& operands() const { return operands_; }
  bool wants_help() const { return help_; }

 private:
  friend class ArgumentParser;
  struct Given {
    std::string_view flag;
    std::string value;
    bool on = true;
  };
  std::vector<Given> given_;
  std::vector<std::string> operands_;
  bool help_ = false;
};

// Reads the words after the command's name. --help and -h are always taken.
Result<Arguments> parse(const Syntax& syntax, std::span<const std::string> words);

// What --help prints.
std::string usage(const Syntax& syntax, std::string_view program = "holdfast");

}  // namespace holdfast
