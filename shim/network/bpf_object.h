// The BPF programs of network control, loaded through libbpf: the only place that knows it.
#pragma once

#include "core/base/result.h"

namespace holdfast {

// Loads them and pins programs and maps in `directory`, which is made.
Result<> load_network_object(const std::string& directory);
// Makes rings for the next HF_NET_RING_BATCH slots of the maps that are pinned there.
Result<> make_network_rings(const std::string& directory);

}  // namespace holdfast
