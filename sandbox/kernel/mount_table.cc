#include "sandbox/kernel/mount_table.h"

#include <linux/mount.h>

#include <array>

#include "core/base/text.h"

namespace holdfast {
namespace {

// Undoes the octal escapes, in the text itself: "\040" is a blank, "\011" a tab, "\012" a newline,
// "\134" a backslash (proc_pid_mountinfo(5)).
std::string_view unescaped(std::string_view text) {
  if (text.find('\\') == text.npos) return text;
  char* const begin = const_cast<char*>(text.data());
  char* out = begin;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto code =
        text[i] == '\\' ? parse_number<uint8_t>(text.substr(i + 1, 3), 8) : std::nullopt;
    *out++ = code ? static_cast<char>(*code) : text[i];
    if (code) i += 3;
  }
  return {begin, static_cast<size_t>(out - begin)};
}

std::string_view next_word(std::string_view& rest, char separator = ' ') {
  const size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

uint64_t flags_of(std::string_view options) {
  static constexpr std::array<std::pair<std::string_view, uint64_t>, 6> kFlags{
      {{"ro", MOUNT_ATTR_RDONLY},
       {"nosuid", MOUNT_ATTR_NOSUID},
       {"nodev", MOUNT_ATTR_NODEV},
       {"noexec", MOUNT_ATTR_NOEXEC},
       {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW},
       {"idmapped", MOUNT_ATTR_IDMAP}}};
  uint64_t flags = 0;
  while (!options.empty()) {
    const std::string_view option = next_word(options, ',');
    for (const auto& [name, flag] : kFlags)
      if (option == name) flags |= flag;
  }
  return flags;
}

// id parent major:minor root mount-point options [optional...] - type source super-options
Result<MountEntry> parse_line(const std::string_view line) {
  std::string_view rest = line;
  MountEntry entry;
  const auto id = parse_number<uint64_t>(next_word(rest));
  const auto parent = parse_number<uint64_t>(next_word(rest));
  const auto major = parse_number<uint32_t>(next_word(rest, ':'));
  const auto minor = parse_number<uint32_t>(next_word(rest));
  entry.root = unescaped(next_word(rest));
  entry.point = unescaped(next_word(rest));
  entry.flags = flags_of(next_word(rest));
  while (!rest.empty() && next_word(rest) != "-") continue;
  entry.type = unescaped(next_word(rest));
  next_word(rest);  // the source may be anything
  // Read-only as a file system: none of its mounts can be written to.
  entry.flags |= flags_of(rest) & MOUNT_ATTR_RDONLY;
  if (!id || !parent || !major || !minor || !entry.point.starts_with('/') || entry.type.empty())
    return error("mountinfo: unexpected line {}", line);
  entry.id = *id;
  entry.parent = *parent;
  entry.major = *major;
  entry.minor = *minor;
  return entry;
}

bool leads_to(std::string_view point, std::string_view path) {
  if (point == "/") return true;
  return path.starts_with(point) && (path.size() == point.size() || path[point.size()] == '/');
}

}  // namespace

bool MountEntry::read_only() const { return (flags & MOUNT_ATTR_RDONLY) != 0; }

Result<MountTable> MountTable::parse(std::string mountinfo) {
  MountTable table;
  table.text_ = std::make_unique<std::string>(std::move(mountinfo));
  table.entries_.reserve(64);
  for (std::string_view rest = trim(*table.text_); !rest.empty();) {
    HF_TRY(const MountEntry entry, parse_line(next_word(rest, '\n')));
    table.entries_.push_back(entry);
  }
  for (const MountEntry& each : table.entries_)
    if (each.point == "/" && !table.find(each.parent)) table.root_ = &each;
  if (!table.root_) return error("mountinfo: no root");
  return table;
}

const MountEntry* MountTable::find(uint64_t id) const {
  for (const MountEntry& each : entries_)
    if (each.id == id) return &each;
  return nullptr;
}

// As a lookup goes: from the root, into the first mount on the way, on from there.
const MountEntry* MountTable::at(std::string_view path) const {
  const MountEntry* here = root_;
  while (here) {
    const MountEntry* next = nullptr;
    for (const MountEntry& each : entries_)
      if (each.parent == here->id && each.id != here->id && leads_to(each.point, path) &&
          (!next || each.point.size() < next->point.size()))
        next = &each;
    if (!next) break;
    here = next;
  }
  return here;
}

}  // namespace holdfast
