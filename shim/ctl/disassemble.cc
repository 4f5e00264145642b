#include "shim/ctl/disassemble.h"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <cstddef>
#include <optional>

#include "shim/ctl/verdicts.h"

namespace holdfast::ctl {
namespace {

constexpr uint32_t kX32Bit = 0x40000000;

enum class Holds { kUnknown, kArchitecture, kNumber, kArgument };

// What is known where an instruction begins: it holds on every way there.
struct Known {
  bool reached = false;
  Holds accumulator = Holds::kUnknown;
  uint32_t masked = 0;  // not 0: the accumulator was and-ed with it
  std::optional<uint32_t> arch;
};

void merge(Known& at, const Known& from) {
  if (!at.reached) {
    at = from;
    return;
  }
  if (at.accumulator != from.accumulator) at.accumulator = Holds::kUnknown;
  if (at.masked != from.masked) at.masked = 0;
  if (at.arch != from.arch) at.arch = std::nullopt;
}

bool is_jump(const sock_filter& i) { return BPF_CLASS(i.code) == BPF_JMP; }
bool is_plain_jump(const sock_filter& i) { return is_jump(i) && BPF_OP(i.code) == BPF_JA; }

std::string where_of(uint32_t offset, Holds& holds) {
  holds = Holds::kUnknown;
  if (offset == offsetof(seccomp_data, nr)) {
    holds = Holds::kNumber;
    return "the call's number";
  }
  if (offset == offsetof(seccomp_data, arch)) {
    holds = Holds::kArchitecture;
    return "the architecture";
  }
  if (offset < offsetof(seccomp_data, args)) return "the instruction pointer";
  holds = Holds::kArgument;
  const size_t at = offset - offsetof(seccomp_data, args);
  constexpr bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
  return fmt::format("argument {}, {} half", at / 8 + 1,
                     (at % 8 != 0) == little ? "upper" : "lower");
}

std::string_view jump_name(const sock_filter& i) {
  switch (BPF_OP(i.code)) {
    case BPF_JEQ:
      return "jeq";
    case BPF_JGT:
      return "jgt";
    case BPF_JGE:
      return "jge";
    case BPF_JSET:
      return "jset";
    default:
      return "j?";
  }
}

std::string_view alu_name(const sock_filter& i) {
  constexpr std::string_view kNames[] = {"add", "sub", "mul", "div", "or", "and",
                                         "lsh", "rsh", "neg", "mod", "xor"};
  const size_t at = BPF_OP(i.code) >> 4;
  return at < std::size(kNames) ? kNames[at] : "alu?";
}

class Listing {
 public:
  explicit Listing(const Filter& filter)
      : filter_(filter), known_(filter.size() + 1), labels_(filter.size() + 1, 0) {
    number_labels();
  }

  std::vector<Listed> lines() {
    std::vector<Listed> all;
    known_[0].reached = true;
    for (at_ = 0; at_ < filter_.size(); ++at_) {
      Listed line;
      if (labels_[at_] != 0) line.label = label(at_);
      describe(filter_[at_], line);
      all.push_back(std::move(line));
    }
    return all;
  }

 private:
  // Labels count up in the order of the places that they name.
  void number_labels() {
    for (size_t at = 0; at < filter_.size(); ++at) {
      const sock_filter& i = filter_[at];
      if (!is_jump(i)) continue;
      if (is_plain_jump(i)) {
        mark(at + 1 + i.k);
        continue;
      }
      if (i.jt != 0) mark(at + 1 + i.jt);
      if (i.jf != 0) mark(at + 1 + i.jf);
    }
    size_t next = 1;
    for (size_t& each : labels_)
      if (each != 0) each = next++;
  }
  void mark(size_t target) {
    if (target < labels_.size()) labels_[target] = 1;
  }
  std::string label(size_t target) const {
    return target < labels_.size() ? fmt::format("L{}", labels_[target]) : "outside";
  }

  void describe(const sock_filter& i, Listed& line);
  void describe_load(const sock_filter& i, Listed& line);
  void describe_jump(const sock_filter& i, Listed& line);
  std::string meaning(const sock_filter& i) const;
  void flow(const Known& known, size_t distance) {
    const size_t target = at_ + 1 + distance;
    if (target < known_.size()) merge(known_[target], known);
  }

  const Filter& filter_;
  std::vector<Known> known_;
  std::vector<size_t> labels_;
  size_t at_ = 0;
};

void Listing::describe(const sock_filter& i, Listed& line) {
  Known after = known_[at_];
  switch (BPF_CLASS(i.code)) {
    case BPF_RET:
      if (BPF_RVAL(i.code) == BPF_A) {
        line.text = "ret A";
      } else {
        line.text = fmt::format("ret #{:#010x}", i.k);
        line.comment = answer_text(i.k);
      }
      return;
    case BPF_LD:
    case BPF_LDX:
      return describe_load(i, line);
    case BPF_JMP:
      return describe_jump(i, line);
    case BPF_ST:
    case BPF_STX:
      line.text = fmt::format("{} M[{}]", BPF_CLASS(i.code) == BPF_ST ? "st" : "stx", i.k);
      break;
    case BPF_ALU:
      line.text = BPF_SRC(i.code) == BPF_X ? fmt::format("{} X", alu_name(i))
                                           : fmt::format("{} #{:#x}", alu_name(i), i.k);
      after.masked = BPF_OP(i.code) == BPF_AND && BPF_SRC(i.code) == BPF_K ? i.k : 0;
      if (after.masked == 0) after.accumulator = Holds::kUnknown;
      break;
    default:
      line.text = BPF_MISCOP(i.code) == BPF_TAX ? "tax" : "txa";
      if (BPF_MISCOP(i.code) == BPF_TXA) after.accumulator = Holds::kUnknown;
  }
  flow(after, 0);
}

void Listing::describe_load(const sock_filter& i, Listed& line) {
  Known after = known_[at_];
  const bool to_x = BPF_CLASS(i.code) == BPF_LDX;
  const std::string_view name = to_x ? "ldx" : "ld";
  Holds holds = Holds::kUnknown;
  switch (BPF_MODE(i.code)) {
    case BPF_ABS:
      line.text = fmt::format("{} [{}]", name, i.k);
      line.comment = where_of(i.k, holds);
      break;
    case BPF_MEM:
      line.text = fmt::format("{} M[{}]", name, i.k);
      break;
    case BPF_LEN:
      line.text = fmt::format("{} len", name);
      break;
    default:
      line.text = fmt::format("{} #{:#x}", name, i.k);
  }
  if (!to_x) {
    after.accumulator = holds;
    after.masked = 0;
  }
  flow(after, 0);
}

// What the number means that a jump compares with.
std::string Listing::meaning(const sock_filter& i) const {
  const Known& known = known_[at_];
  if (BPF_SRC(i.code) == BPF_X) return "";
  if (known.accumulator == Holds::kArchitecture) return arch_text(i.k);
  if (known.accumulator != Holds::kNumber) return "";
  if ((BPF_OP(i.code) == BPF_JGE || BPF_OP(i.code) == BPF_JSET) && i.k == kX32Bit) return "x32";
  if (i.k == UINT32_MAX) return "-1: a tracer skips the call";
  if (!known.arch || BPF_OP(i.code) == BPF_JSET) return "";
  const std::string name = call_text(*known.arch, static_cast<int32_t>(i.k));
  if (BPF_OP(i.code) == BPF_JEQ) return name;
  return fmt::format("{} {}", BPF_OP(i.code) == BPF_JGT ? "above" : "from", name);
}

void Listing::describe_jump(const sock_filter& i, Listed& line) {
  const Known& known = known_[at_];
  if (is_plain_jump(i)) {
    line.text = "jmp " + label(at_ + 1 + i.k);
    flow(known, i.k);
    return;
  }
  const bool number = known.accumulator == Holds::kNumber && i.k < kX32Bit;
  const std::string operand = BPF_SRC(i.code) == BPF_X ? "X"
                              : number                 ? fmt::format("#{}", i.k)
                                                       : fmt::format("#{:#x}", i.k);
  const auto target = [&](uint8_t distance) {
    return distance == 0 ? std::string("next") : label(at_ + 1 + distance);
  };
  line.text = fmt::format("{} {}, {}, {}", jump_name(i), operand, target(i.jt), target(i.jf));
  line.comment = meaning(i);
  Known taken = known;
  if (known.accumulator == Holds::kArchitecture && BPF_OP(i.code) == BPF_JEQ &&
      BPF_SRC(i.code) == BPF_K)
    taken.arch = i.k;
  flow(taken, i.jt);
  flow(known, i.jf);
}

}  // namespace

std::vector<Listed> disassemble(const Filter& filter) { return Listing(filter).lines(); }

}  // namespace holdfast::ctl
