// The statements of a TOML text (tables and keys) and where they stand: enough to change single lines of
// a configuration and to keep all others as they are. Values are not interpreted.
//
//   HF_TRY(auto statements, scan_toml(text));
//   statements[i].path == {"plugins", "io.containerd.grpc.v1.cri", "containerd"}
//   text.substr(s.value.begin, s.value.end - s.value.begin) == "\"runc\""
//
// https://toml.io/en/v1.0.0. Errors begin with line and column.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace holdfast::ctl {

using TomlPath = std::vector<std::string>;

struct TomlStatement {
  enum class Kind { kTable, kTables, kKey };  // [a.b], [[a.b]], c = 1
  Kind kind = Kind::kKey;
  TomlPath path;     // in full: of the key with its table
  size_t parts = 0;  // how many of them are written here: 2 in "a.b = 1"
  size_t line = 1;
  struct {
    size_t begin = 0, end = 0;
  } whole, value;  // whole: with its lines' ends; value: of a key
};

Result<std::vector<TomlStatement>> scan_toml(std::string_view text);

// Whether `path` is `prefix` or beneath it.
bool is_within(const TomlPath& path, const TomlPath& prefix);

}  // namespace holdfast::ctl
