#include "profiles/seccomp/dense.h"

#include <linux/seccomp.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <span>

namespace holdfast {
namespace {

constexpr uint32_t kNumberOffset = offsetof(seccomp_data, nr);
constexpr uint32_t kArchOffset = offsetof(seccomp_data, arch);
constexpr size_t kFarthest = 255;  // a conditional jump's reach

bool is_jump(const sock_filter& i) { return BPF_CLASS(i.code) == BPF_JMP; }
bool is_always(const sock_filter& i) { return i.code == (BPF_JMP | BPF_JA); }
bool is_comparison(const sock_filter& i) {
  switch (i.code) {
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_JMP | BPF_JSET | BPF_K:
      return true;
    default:
      return false;
  }
}
bool is_return(const sock_filter& i) { return BPF_CLASS(i.code) == BPF_RET; }

// What the accumulator holds where an instruction begins. Mixed: it depends on the way there.
enum class Held : uint8_t { kUnvisited, kNumber, kArch, kOther, kMixed };

Held loaded(const sock_filter& i) {
  if (i.k == kNumberOffset) return Held::kNumber;
  return i.k == kArchOffset ? Held::kArch : Held::kOther;
}

// For each instruction. Nothing: the program does what this does not understand.
std::optional<std::vector<Held>> held_at(const Filter& program) {
  std::vector<Held> held(program.size(), Held::kUnvisited);
  if (held.empty()) return std::nullopt;
  bool inside = true;
  const auto reach = [&](size_t at, Held what) {
    inside = inside && at < held.size();
    if (!inside) return;
    held[at] = held[at] == Held::kUnvisited || held[at] == what ? what : Held::kMixed;
  };
  held[0] = Held::kMixed;  // nothing yet: what is written here begins with loads of its own
  for (size_t at = 0; at < program.size() && inside; ++at) {
    const sock_filter& i = program[at];
    if (held[at] == Held::kUnvisited || i.code == (BPF_RET | BPF_K)) continue;
    if (is_always(i)) {
      reach(at + 1 + i.k, held[at]);
    } else if (is_comparison(i) && held[at] != Held::kMixed) {
      reach(at + 1 + i.jt, held[at]);
      reach(at + 1 + i.jf, held[at]);
    } else if (i.code == (BPF_LD | BPF_W | BPF_ABS)) {
      reach(at + 1, loaded(i));
    } else if (BPF_CLASS(i.code) == BPF_ALU && BPF_SRC(i.code) == BPF_K &&
               held[at] == Held::kOther) {
      reach(at + 1, Held::kOther);
    } else {
      return std::nullopt;
    }
  }
  if (!inside) return std::nullopt;
  return held;
}

bool taken(const sock_filter& i, uint32_t value) {
  switch (BPF_OP(i.code)) {
    case BPF_JEQ:
      return value == i.k;
    case BPF_JGT:
      return value > i.k;
    case BPF_JGE:
      return value >= i.k;
    default:
      return (value & i.k) != 0;
  }
}

// Where the answer of a comparison with the number may change: each is the first of a range.
void add_bounds(const sock_filter& i, std::set<uint32_t>& bounds) {
  const auto add = [&](uint64_t value) {
    if (value <= UINT32_MAX) bounds.insert(static_cast<uint32_t>(value));
  };
  switch (BPF_OP(i.code)) {
    case BPF_JEQ:
      add(i.k);
      add(uint64_t{i.k} + 1);
      break;
    case BPF_JGT:
      add(uint64_t{i.k} + 1);
      break;
    case BPF_JGE:
      add(i.k);
      break;
    default:  // JSET of the x32 bit, the only one there is
      for (uint64_t at = i.k; at <= UINT32_MAX; at += i.k) add(at);
  }
}

// The calls that the instructions of one system call are made for.
struct Call {
  uint32_t arch;
  uint32_t nr;
};

// A program written from its end to its beginning: jumps go forward, so their targets stand already.
class Backwards {
 public:
  // How many instructions there were when the target was written: the target is the last of them.
  using Label = size_t;

  Label put(const Filter& code) {
    if (code.size() == 1 && code[0].code == (BPF_RET | BPF_K)) return answer(code[0]);
    code_.insert(code_.end(), code.rbegin(), code.rend());
    return code_.size();
  }

  Label load(uint32_t offset) { return put(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)); }

  Label branch(uint16_t condition, uint32_t k, Label yes, Label no) {
    yes = near(yes);
    no = near(no);
    return put(BPF_JUMP(static_cast<uint16_t>(BPF_JMP | condition | BPF_K), k,
                        static_cast<uint8_t>(distance(yes)), static_cast<uint8_t>(distance(no))));
  }

  Filter forwards() const { return {code_.rbegin(), code_.rend()}; }

 private:
  size_t distance(Label target) const { return code_.size() - target; }

  Label put(const sock_filter& instruction) {
    code_.push_back(instruction);
    return code_.size();
  }

  // One `ret` serves all that can reach it.
  Label answer(const sock_filter& instruction) {
    const auto known = answers_.find(instruction.k);
    if (known != answers_.end() && distance(known->second) < kFarthest) return known->second;
    return answers_[instruction.k] = put(instruction);
  }

  // The other target may need an instruction, too.
  Label near(Label target) {
    if (distance(target) < kFarthest) return target;
    return put(BPF_STMT(BPF_JMP | BPF_JA, static_cast<uint32_t>(distance(target))));
  }

  Filter code_;
  std::map<uint32_t, Label> answers_;
};

class Densifier {
 public:
  Densifier(const Filter& program, std::vector<Held> held)
      : program_(program), held_(std::move(held)) {}

  std::optional<Filter> run() {
    if (!survey()) return std::nullopt;
    Backwards out;
    auto start = section(out, foreign());
    std::vector<Backwards::Label> sections;
    for (const uint32_t arch : architectures_) sections.push_back(section(out, arch));
    for (size_t i = architectures_.size(); i-- > 0;)
      start = out.branch(BPF_JEQ, architectures_[i], sections[i], start);
    if (!architectures_.empty()) out.load(kArchOffset);
    if (too_far_) return std::nullopt;
    return out.forwards();
  }

 private:
  struct Range {
    uint32_t first;
    Filter code;
  };

  // Collects architectures and bounds. False: a comparison that cannot be decided beforehand.
  bool survey() {
    bounds_ = {0};
    for (size_t at = 0; at < program_.size(); ++at) {
      const sock_filter& i = program_[at];
      if (!is_jump(i) || is_always(i)) continue;
      const auto op = BPF_OP(i.code);
      if (held_[at] == Held::kArch) {
        if (op != BPF_JEQ) return false;
        if (!names(i.k)) architectures_.push_back(i.k);
      } else if (held_[at] == Held::kNumber) {
        if (op == BPF_JSET && i.k != kX32Bit) return false;
        add_bounds(i, bounds_);
      }
    }
    return true;
  }

  bool names(uint32_t arch) const {
    return std::find(architectures_.begin(), architectures_.end(), arch) != architectures_.end();
  }

  // None of those that the program names.
  uint32_t foreign() const {
    uint32_t arch = 0;
    while (names(arch)) ++arch;
    return arch;
  }

  // Past all jumps that this call decides.
  size_t decided(size_t at, const Call& call) const {
    while (is_jump(program_[at])) {
      const sock_filter& i = program_[at];
      if (is_always(i)) {
        at += 1 + i.k;
      } else if (held_[at] == Held::kOther) {
        break;
      } else {
        at += 1 + (taken(i, held_[at] == Held::kNumber ? call.nr : call.arch) ? i.jt : i.jf);
      }
    }
    return at;
  }

  // Past the loads of what is known, too: nothing but a decided jump looks at them.
  size_t next(size_t at, const Call& call) const {
    while (true) {
      at = decided(at, call);
      const sock_filter& i = program_[at];
      if (i.code != (BPF_LD | BPF_W | BPF_ABS) || (i.k != kNumberOffset && i.k != kArchOffset))
        return at;
      ++at;
    }
  }

  // The instructions that are left for this call.
  Filter code_of(const Call& call) {
    std::set<size_t> left{next(0, call)};  // grows behind the iterator only: jumps go forward
    for (const size_t at : left) {
      const sock_filter& i = program_[at];
      if (is_return(i)) continue;
      left.insert(next(at + 1 + (is_jump(i) ? i.jt : 0), call));
      if (is_jump(i)) left.insert(next(at + 1 + i.jf, call));
    }
    const std::vector<size_t> order(left.begin(), left.end());
    const auto place = [&](size_t at) {
      return static_cast<size_t>(std::lower_bound(order.begin(), order.end(), at) - order.begin());
    };
    Filter code;
    for (size_t here = 0; here < order.size(); ++here) {
      sock_filter i = program_[order[here]];
      if (is_jump(i)) {
        const size_t yes = place(next(order[here] + 1 + i.jt, call)) - here - 1;
        const size_t no = place(next(order[here] + 1 + i.jf, call)) - here - 1;
        too_far_ |= yes > kFarthest || no > kFarthest;
        i.jt = static_cast<uint8_t>(yes);
        i.jf = static_cast<uint8_t>(no);
      } else if (!is_return(i)) {
        too_far_ |= place(next(order[here] + 1, call)) != here + 1;
      }
      code.push_back(i);
    }
    return code;
  }

  Backwards::Label section(Backwards& out, uint32_t arch) {
    std::vector<Range> ranges;
    for (const uint32_t first : bounds_) {
      Filter code = code_of({arch, first});
      if (ranges.empty() || !same(ranges.back().code, code))
        ranges.push_back({first, std::move(code)});
    }
    const auto start = search(out, ranges);
    return ranges.size() == 1 ? start : out.load(kNumberOffset);
  }

  static bool same(const Filter& a, const Filter& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const sock_filter& x, const sock_filter& y) {
                        return x.code == y.code && x.jt == y.jt && x.jf == y.jf && x.k == y.k;
                      });
  }

  // The number is in the accumulator.
  static Backwards::Label search(Backwards& out, std::span<const Range> ranges) {
    if (ranges.size() == 1) return out.put(ranges[0].code);
    const auto middle = ranges.size() / 2;
    const auto above = search(out, ranges.subspan(middle));
    const auto below = search(out, ranges.first(middle));
    return out.branch(BPF_JGE, ranges[middle].first, above, below);
  }

  static constexpr uint32_t kX32Bit = 0x40000000;

  const Filter& program_;
  const std::vector<Held> held_;
  std::vector<uint32_t> architectures_;  // in the program's order: the native one is first
  std::set<uint32_t> bounds_;
  bool too_far_ = false;  // a jump that cannot be written
};

}  // namespace

Filter dense(const Filter& program) {
  auto held = held_at(program);
  if (!held) return program;
  auto shorter = Densifier(program, std::move(*held)).run();
  return shorter && shorter->size() < program.size() ? std::move(*shorter) : program;
}

}  // namespace holdfast
