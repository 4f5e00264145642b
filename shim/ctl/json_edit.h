// Changing single members of a JSON text: everything else keeps its bytes, order and indentation.
//
//   HF_TRY(text, set_member(text, {"runtimes", "holdfast"}, R"({ "path": "/usr/bin/holdfast" })"));
//   HF_TRY(text, remove_member(text, {"runtimes", "holdfast"}));
//   member(text, {"default-runtime"})      // its text: "\"runc\""; nullopt where it is absent
//
// The text is strict JSON with an object at its top: comments and duplicate keys are errors that tell
// line and column.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace holdfast::ctl {

using MemberPath = std::vector<std::string_view>;

// `value` is JSON. Objects on the way are made where they are missing.
Result<std::string> set_member(const std::string& text, const MemberPath& path,
                               std::string_view value);
// One that is absent is no error. Objects that become empty stay.
Result<std::string> remove_member(const std::string& text, const MemberPath& path);
Result<std::optional<std::string>> member(const std::string& text, const MemberPath& path);

}  // namespace holdfast::ctl
