#include "sandbox/audit/verify.h"

#include <sys/file.h>

#include <algorithm>

#include "core/base/digest.h"
#include "core/base/text.h"
#include "core/event/formats.h"
#include "sandbox/audit/head.h"
#include "sandbox/audit/lines.h"
#include "sandbox/audit/log.h"

namespace holdfast {
namespace {

constexpr size_t kMostFindings = 100;
constexpr size_t kMostTorn = 2 * kMaxEventLine;

class Verifier {
 public:
  Result<> add(const Fd& file, const std::string& name, off_t size) {
    file_ = name;
    line_ = 0;
    begins_ = true;
    unsealed_.clear();
    ++report_.files;
    LineReader reader(file, size);
    while (true) {
      HF_TRY(const auto line, with_context(reader.next(), "{}", name));
      if (!line) break;
      ++line_;
      judge(*line);
    }
    if (!unsealed_.empty())
      fault(unsealed_at_, unsealed_whole_
                              ? "no line of the log"
                              : "cut short: an unfinished line, or the end of the log is missing");
    return {};
  }

  // The log's own word on where it ends.
  void compare(const HeadRecord& head) {
    file_ = kHeadFile;
    if (head.link.sequence > link_.sequence)
      fault(0, fmt::format("the end of the log is missing: lines {} to {}", link_.sequence + 1,
                           head.link.sequence));
    if (head.lost > 0) note(0, fmt::format("{} events could not be written", head.lost));
  }

  AuditReport take() {
    report_.last = link_.sequence;
    report_.chain = report_.lines > 0 ? link_.chain : "";
    return std::move(report_);
  }

 private:
  void fault(uint64_t line, std::string text) {
    if (report_.faults.size() < kMostFindings)
      report_.faults.push_back({file_, line, std::move(text)});
  }
  void note(uint64_t line, std::string text) {
    if (report_.notes.size() < kMostFindings)
      report_.notes.push_back({file_, line, std::move(text)});
  }

  void judge(const LineReader::Line& line) {
    const auto sealed = line.whole ? open_seal(line.text) : error("unfinished");
    if (!sealed) {
      if (unsealed_.empty()) unsealed_at_ = line_;
      if (unsealed_.size() < kMostTorn) {
        unsealed_ += line.text;
        if (line.whole) unsealed_ += '\n';
      }
      unsealed_whole_ = line.whole;
      return;
    }
    ++report_.lines;
    link_in(*sealed);
    const bool told = tell(line.text);
    if (!unsealed_.empty() && !told) fault(unsealed_at_, "no line of the log");
    unsealed_.clear();
    begins_ = false;
    started_ = true;
  }

  // Whether the line holds as what follows the one before it.
  void link_in(const Sealed& sealed) {
    bool known = true;  // what it follows
    if (begins_ && !started_) {
      report_.first = sealed.sequence;
      if (sealed.sequence > 1)
        note(0, fmt::format("lines 1 to {} stood in files that are gone", sealed.sequence - 1));
      known = !sealed.previous.empty();
      if (!known) fault(line_, "the file's beginning is missing");
      link_ = {sealed.sequence - 1, std::string(sealed.previous)};
    }
    if (sealed.sequence > link_.sequence + 1) {
      fault(line_,
            fmt::format("{} before it: {} to {}",
                        begins_ ? "a file is missing, or the end of one," : "lines are missing",
                        link_.sequence + 1, sealed.sequence - 1));
      known = false;
    } else if (sealed.sequence <= link_.sequence) {
      fault(line_,
            fmt::format("out of order: number {} after {}", sealed.sequence, link_.sequence));
      known = false;
    }
    if (known && !sealed.holds(link_.chain)) fault(line_, "it was changed, or the line before it");
    link_ = {sealed.sequence, std::string(sealed.chain)};
  }

  // What the log tells of itself; whether that explains the bytes before the line.
  bool tell(std::string_view text) {
    if (text.find(R"("event_code":"audit-)") == text.npos) return false;
    const auto decoded = decode_ocsf(text);
    if (!decoded) return false;
    const Event& event = decoded->event;
    if (event.rule == "audit-lost") note(line_, event.message);
    if (event.rule == "audit-cut") fault(line_, "it tells: " + event.message);
    if (event.rule != "audit-torn") return false;
    std::string_view torn = unsealed_;
    // The newline that closed it is not its own.
    if (torn.ends_with('\n') && !event.message.ends_with(sha256_hex(torn))) torn.remove_suffix(1);
    const bool known = !torn.empty() && event.message.ends_with(sha256_hex(torn));
    if (!known)
      fault(line_, "it tells of other bytes than those before it");
    else if (torn.find('\n') != torn.npos)
      fault(unsealed_at_, "no line of the log, as it found itself");
    else
      note(unsealed_at_,
           fmt::format("an unfinished line of {} bytes, as after a crash", torn.size()));
    return true;
  }

  AuditReport report_;
  Link link_;
  std::string file_;
  uint64_t line_ = 0;
  bool begins_ = true;    // no line of this file yet
  bool started_ = false;  // no line at all yet
  std::string unsealed_;  // bytes that are no line, since the last one that is
  uint64_t unsealed_at_ = 0;
  bool unsealed_whole_ = true;
};

}  // namespace

Result<std::vector<std::string>> audit_files(const DirFd& directory) {
  HF_TRY(const auto names, directory.list());
  std::vector<std::pair<uint32_t, std::string>> found;
  const std::string prefix = std::string(kAuditFile) + ".";
  for (const std::string& name : names) {
    if (name == kAuditFile) found.emplace_back(0, name);
    if (!name.starts_with(prefix)) continue;
    const auto number = parse_number<uint32_t>(std::string_view(name).substr(prefix.size()));
    if (number && *number > 0) found.emplace_back(*number, name);
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::string> files;
  for (auto& each : found) files.push_back(std::move(each.second));
  return files;
}

namespace {

// A file as it stood at one moment.
struct View {
  std::string name;
  Fd file;
  off_t size = 0;
};

struct LogView {
  std::vector<View> files;
  HeadRecord head;
};

// The lock is held for a moment only: writers go on while all is judged.
Result<LogView> view_log(const DirFd& directory) {
  LogView view;
  HF_TRY(const DirFd own, directory.open_dir("."));
  if (::flock(own.get(), LOCK_SH) != 0) return os_error("lock");
  HF_TRY(const auto files, audit_files(own));
  for (const std::string& name : files) {
    HF_TRY(Fd file, own.open_at(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) return os_error("stat {}", name);
    view.files.push_back({name, std::move(file), info.st_size});
  }
  const auto head = own.read(kHeadFile, 4096);
  if (head) view.head = parse_head(*head);
  return view;
}

}  // namespace

Result<AuditReport> verify_log(const DirFd& directory) {
  HF_TRY(const LogView view, with_context(view_log(directory), "audit log"));
  Verifier verifier;
  for (const View& each : view.files) HF_DO(verifier.add(each.file, each.name, each.size));
  verifier.compare(view.head);
  return verifier.take();
}

Result<AuditReport> verify_file(const Fd& file, const std::string& name) {
  Verifier verifier;
  HF_DO(verifier.add(file, name, LineReader::kAll));
  return verifier.take();
}

}  // namespace holdfast
