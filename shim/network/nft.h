// nftables through libnftables, which is loaded when it is needed: loading BPF programs needs none of it.
#pragma once

#include <string>

#include "core/base/result.h"

namespace holdfast {

// In the network namespace of descriptor 3: replaces the table "inet holdfast" by `rules`.
Result<> filter_packets(const std::string& rules);
// There: an error unless the table is what `rules` make of an empty namespace.
Result<> compare_filter(const std::string& rules);

}  // namespace holdfast
