#include "shim/ctl/kernel_log.h"

#include <unistd.h>

#include <cstdlib>

#include "core/base/fd.h"
#include "core/base/text.h"

namespace holdfast::ctl {
namespace {

constexpr char kRing[] = "/dev/kmsg";
constexpr char kAuditFile[] = "/var/log/audit/audit.log";
constexpr size_t kAuditFileLimit = 64 << 20;

// The value of `name` in "name=value name2="quoted" ...".
std::string_view field(std::string_view line, std::string_view name) {
  const std::string key = " " + std::string(name) + "=";
  const size_t at = line.find(key);
  if (at == line.npos) return {};
  std::string_view rest = line.substr(at + key.size());
  const bool is_quoted = rest.starts_with('"');
  if (is_quoted) rest.remove_prefix(1);
  return rest.substr(0, rest.find_first_of(is_quoted ? "\"" : " \n"));
}

// Names that hold blanks or quotes are written in hexadecimal, without quotes.
std::string audit_text(std::string_view line, std::string_view name) {
  const std::string_view value = field(line, name);
  const bool is_quoted = line.find(" " + std::string(name) + "=\"") != line.npos;
  if (is_quoted || value.size() % 2 != 0) return std::string(value);
  std::string text;
  for (size_t i = 0; i < value.size(); i += 2) {
    const auto byte = parse_number<uint8_t>(value.substr(i, 2), 16);
    if (!byte) return std::string(value);
    text += static_cast<char>(*byte);
  }
  return text;
}

template <class T>
bool number(std::string_view line, std::string_view name, int base, T& out) {
  std::string_view text = field(line, name);
  if (base == 16 && text.starts_with("0x")) text.remove_prefix(2);
  const auto value = parse_number<T>(text, base);
  if (value) out = *value;
  return value.has_value();
}

bool read_time(std::string_view line, double& out) {
  const size_t at = line.find("audit(");
  if (at == line.npos) return false;
  const std::string_view rest = line.substr(at + 6);
  const std::string_view stamp = rest.substr(0, rest.find(':'));
  const size_t dot = stamp.find('.');
  if (dot == stamp.npos) return false;
  const auto seconds = parse_number<uint64_t>(stamp.substr(0, dot));
  const auto millis = parse_number<uint32_t>(stamp.substr(dot + 1));
  if (!seconds || !millis) return false;
  out = double(*seconds) + double(*millis) / 1000;
  return true;
}

// Every read(2) of /dev/kmsg is one record; EPIPE means that older ones were overwritten meanwhile.
Result<> read_ring(KernelLog& log) {
  HF_TRY(const DirFd dev, DirFd::open("/dev"));
  HF_TRY(const Fd ring, dev.open_at("kmsg", O_RDONLY | O_NONBLOCK));
  char record[8192];
  for (;;) {
    const ssize_t size = ::read(ring.get(), record, sizeof record);
    if (size < 0 && errno == EPIPE) continue;
    if (size < 0 && errno != EAGAIN) return os_error("read {}", kRing);
    if (size <= 0) break;
    if (auto denial = parse_denial({record, static_cast<size_t>(size)}))
      log.denials.push_back(std::move(*denial));
  }
  log.sources.emplace_back(kRing);
  return {};
}

Result<> read_audit_file(KernelLog& log) {
  HF_TRY(const std::string text, read_file(kAuditFile, kAuditFileLimit));
  for (const std::string_view line : split(text, '\n'))
    if (auto denial = parse_denial(line)) log.denials.push_back(std::move(*denial));
  log.sources.emplace_back(kAuditFile);
  return {};
}

}  // namespace

std::optional<Denial> parse_denial(std::string_view line) {
  if (line.find("type=1326 ") == line.npos && line.find("type=SECCOMP ") == line.npos)
    return std::nullopt;
  Denial denial;
  const bool complete =
      read_time(line, denial.time) && number(line, "pid", 10, denial.pid) &&
      number(line, "uid", 10, denial.uid) && number(line, "arch", 16, denial.arch) &&
      number(line, "syscall", 10, denial.syscall) && number(line, "code", 16, denial.code);
  if (!complete) return std::nullopt;
  denial.comm = audit_text(line, "comm");
  denial.exe = audit_text(line, "exe");
  return denial;
}

Result<KernelLog> read_kernel_log() {
  KernelLog log;
  const auto file = read_audit_file(log);
  const auto ring = read_ring(log);
  if (!ring && !file) return Failure(ring.error());
  return log;
}

}  // namespace holdfast::ctl
