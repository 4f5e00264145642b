// The socket by which a container reports that it is ready (sd_notify(3)), as part of its plan.
//
//   request.notify_directory = "/run/holdfast/c1/notify";   // the runtime's own, made for this container
//   HF_TRY(Resolved r, resolve(request, spec, policy, facts));
//   assign_notify_directory(r.plan, identity);               // once it has been made
//
// The places in the container are runc's.
#pragma once

#include <string_view>

#include "core/plan/plan.h"

namespace holdfast {

inline constexpr std::string_view kNotifyMount = "/run/notify";
inline constexpr std::string_view kNotifyName = "notify.sock";

void assign_notify_directory(Plan& plan, const FileIdentity& made);

}  // namespace holdfast
