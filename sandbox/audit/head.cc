#include "sandbox/audit/head.h"

#include <unistd.h>

#include "core/base/text.h"
#include "sandbox/audit/trust.h"

namespace holdfast {
namespace {

constexpr size_t kDigits = 20, kChain = 64;
constexpr size_t kSize = 3 * kDigits + kChain + 4;

std::string text_of(const HeadRecord& r) {
  return fmt::format("{:020} {} {:020} {:020}\n", r.link.sequence, r.link.chain, r.lost, r.first);
}

}  // namespace

HeadRecord parse_head(std::string_view text) {
  HeadRecord record;
  if (text.size() != kSize) return record;
  const auto parts = split(text.substr(0, kSize - 1), ' ');
  if (parts.size() != 4 || parts[1].size() != kChain) return record;
  const auto sequence = parse_number<uint64_t>(parts[0]);
  const auto lost = parse_number<uint64_t>(parts[2]);
  const auto first = parse_number<uint64_t>(parts[3]);
  if (!sequence || !lost || !first) return record;
  record.link = {*sequence, std::string(parts[1])};
  record.lost = *lost;
  record.first = *first;
  return record;
}

Result<> LogHead::open(const DirFd& directory) {
  HF_TRY(file_, directory.open_at(kHeadFile, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600));
  HF_DO(check_log_file(file_, kHeadFile));
  struct stat info {};
  if (::fstat(file_.get(), &info) == 0 && info.st_size == 0) write({});
  return {};
}

HeadRecord LogHead::read() const {
  char text[kSize];
  HeadRecord record;
  if (::pread(file_.get(), text, sizeof text, 0) == static_cast<ssize_t>(sizeof text))
    record = parse_head({text, sizeof text});
  if (unwritten_.lost == 0) return record;
  if (record.lost == 0) record.first = unwritten_.first;
  record.lost += unwritten_.lost;
  return record;
}

void LogHead::advance(const Link& link) { write({link, 0, 0}); }

void LogHead::add_loss(uint64_t count, uint64_t time) {
  HeadRecord record = read();
  if (record.lost == 0) record.first = time;
  record.lost += count;
  write(record);
}

void LogHead::write(const HeadRecord& record) {
  const std::string text = text_of(record);
  const bool written =
      ::pwrite(file_.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
  unwritten_ = written ? HeadRecord{} : record;
}

}  // namespace holdfast
