#include "sandbox/audit/lost.h"

#include <unistd.h>

#include <algorithm>

#include "core/base/text.h"
#include "sandbox/audit/trust.h"

namespace holdfast {
namespace {

constexpr char kFile[] = "audit.lost";
// "COUNT FIRST\n", both with all their digits: it never grows.
constexpr size_t kDigits = 20;
constexpr size_t kSize = 2 * kDigits + 2;

std::string text_of(Loss loss) { return fmt::format("{:020} {:020}\n", loss.count, loss.first); }

}  // namespace

Result<> LostEvents::open(const DirFd& directory) {
  HF_TRY(file_, directory.open_at(kFile, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600));
  HF_DO(check_log_file(file_, kFile));
  struct stat info {};
  if (::fstat(file_.get(), &info) == 0 && info.st_size == 0) write({});
  return {};
}

Loss LostEvents::read() const {
  char text[kSize];
  Loss loss = kept_;
  if (::pread(file_.get(), text, sizeof text, 0) != static_cast<ssize_t>(sizeof text)) return loss;
  const std::string_view whole(text, sizeof text);
  const auto count = parse_number<uint64_t>(whole.substr(0, kDigits));
  const auto first = parse_number<uint64_t>(whole.substr(kDigits + 1, kDigits));
  if (!count || !first || *count == 0) return loss;
  loss.first = loss.first == 0 ? *first : std::min(loss.first, *first);
  loss.count += *count;
  return loss;
}

void LostEvents::add(Loss loss) {
  const Loss former = read();
  if (former.count > 0) loss.first = former.first;
  loss.count += former.count;
  write(loss);
}

void LostEvents::clear() {
  if (const Loss loss = read(); loss.count > 0) write({});
}

void LostEvents::write(Loss loss) {
  const std::string text = text_of(loss);
  const bool written =
      ::pwrite(file_.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
  kept_ = written ? Loss{} : loss;
}

}  // namespace holdfast
