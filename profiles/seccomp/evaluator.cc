// A small interpreter of classic BPF as seccomp uses it (kernel/seccomp.c: seccomp_check_filter lists the
// instructions that the kernel takes). What the kernel would refuse to load ends the process.
#include <linux/seccomp.h>

#include "profiles/seccomp/filter.h"

namespace holdfast {
namespace {

constexpr size_t kDataSize = sizeof(seccomp_data);
constexpr uint32_t kInvalid = SECCOMP_RET_KILL_PROCESS;

// One 32-bit word of struct seccomp_data, in this machine's byte order.
bool load_word(const SystemCall& call, uint32_t offset, uint32_t& word) {
  if (offset % 4 != 0 || offset >= kDataSize) return false;
  const auto half = [](uint64_t value, bool second) {
    constexpr bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
    return static_cast<uint32_t>(second == little ? value >> 32 : value);
  };
  if (offset == offsetof(seccomp_data, nr)) {
    word = static_cast<uint32_t>(call.nr);
  } else if (offset == offsetof(seccomp_data, arch)) {
    word = call.arch;
  } else if (offset < offsetof(seccomp_data, args)) {
    word = 0;  // instruction_pointer
  } else {
    const size_t at = offset - offsetof(seccomp_data, args);
    word = half(call.args[at / 8], at % 8 != 0);
  }
  return true;
}

class Machine {
 public:
  explicit Machine(const SystemCall& call) : call_(call) {}

  // False: not an instruction that seccomp takes, or one that cannot be carried out.
  bool load(const sock_filter& i);
  bool alu(const sock_filter& i);
  bool jump(const sock_filter& i, size_t& next) const;
  bool store(const sock_filter& i);
  uint32_t accumulator() const { return a_; }

 private:
  const SystemCall& call_;
  uint32_t a_ = 0, x_ = 0;
  uint32_t memory_[BPF_MEMWORDS] = {};
};

bool Machine::load(const sock_filter& i) {
  switch (i.code) {
    case BPF_LD | BPF_W | BPF_ABS:
      return load_word(call_, i.k, a_);
    case BPF_LD | BPF_IMM:
      a_ = i.k;
      return true;
    case BPF_LD | BPF_W | BPF_LEN:
      a_ = kDataSize;
      return true;
    case BPF_LDX | BPF_IMM:
      x_ = i.k;
      return true;
    case BPF_LDX | BPF_W | BPF_LEN:
      x_ = kDataSize;
      return true;
    case BPF_LD | BPF_MEM:
      if (i.k >= BPF_MEMWORDS) return false;
      a_ = memory_[i.k];
      return true;
    case BPF_LDX | BPF_MEM:
      if (i.k >= BPF_MEMWORDS) return false;
      x_ = memory_[i.k];
      return true;
    case BPF_MISC | BPF_TAX:
      x_ = a_;
      return true;
    case BPF_MISC | BPF_TXA:
      a_ = x_;
      return true;
    default:
      return false;
  }
}

bool Machine::store(const sock_filter& i) {
  if (i.k >= BPF_MEMWORDS) return false;
  memory_[i.k] = i.code == BPF_ST ? a_ : x_;
  return true;
}

bool Machine::alu(const sock_filter& i) {
  const uint32_t operand = BPF_SRC(i.code) == BPF_X ? x_ : i.k;
  switch (BPF_OP(i.code)) {
    case BPF_ADD:
      a_ += operand;
      return true;
    case BPF_SUB:
      a_ -= operand;
      return true;
    case BPF_MUL:
      a_ *= operand;
      return true;
    case BPF_DIV:
      if (operand == 0) return false;
      a_ /= operand;
      return true;
    case BPF_OR:
      a_ |= operand;
      return true;
    case BPF_AND:
      a_ &= operand;
      return true;
    case BPF_XOR:
      a_ ^= operand;
      return true;
    case BPF_LSH:
      a_ = operand < 32 ? a_ << operand : 0;
      return true;
    case BPF_RSH:
      a_ = operand < 32 ? a_ >> operand : 0;
      return true;
    case BPF_NEG:
      a_ = 0 - a_;
      return true;
    default:
      return false;
  }
}

bool Machine::jump(const sock_filter& i, size_t& next) const {
  const uint32_t operand = BPF_SRC(i.code) == BPF_X ? x_ : i.k;
  bool taken = false;
  switch (BPF_OP(i.code)) {
    case BPF_JA:
      next += i.k;
      return true;
    case BPF_JEQ:
      taken = a_ == operand;
      break;
    case BPF_JGT:
      taken = a_ > operand;
      break;
    case BPF_JGE:
      taken = a_ >= operand;
      break;
    case BPF_JSET:
      taken = (a_ & operand) != 0;
      break;
    default:
      return false;
  }
  next += taken ? i.jt : i.jf;
  return true;
}

}  // namespace

uint32_t verdict(const Filter& filter, const SystemCall& call) {
  Machine machine(call);
  // Jumps go forward only: every instruction runs at most once.
  for (size_t at = 0; at < filter.size();) {
    const sock_filter& i = filter[at++];
    bool valid = false;
    switch (BPF_CLASS(i.code)) {
      case BPF_RET:
        if (i.code == (BPF_RET | BPF_K)) return i.k;
        if (i.code == (BPF_RET | BPF_A)) return machine.accumulator();
        return kInvalid;
      case BPF_LD:
      case BPF_LDX:
      case BPF_MISC:
        valid = machine.load(i);
        break;
      case BPF_ST:
      case BPF_STX:
        valid = machine.store(i);
        break;
      case BPF_ALU:
        valid = machine.alu(i);
        break;
      case BPF_JMP:
        valid = machine.jump(i, at);
        break;
      default:
        break;
    }
    if (!valid) return kInvalid;
  }
  return kInvalid;
}

}  // namespace holdfast
