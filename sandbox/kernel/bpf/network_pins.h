// Where the programs and maps of network control are pinned, and getting them there.
//
//   HF_TRY(const std::string pins, network_pins());   // "/sys/fs/bpf/holdfast/network-1f2e3d4c5b6a"
//   bpf::open_pinned(pins + "/hf_connect4")
//
// They are loaded once per boot by holdfast-network, under a lock, into a directory of their own version.
// It stands in /sys/fs/bpf; where no bpffs is mounted there, in one that holdfast mounts for itself in
// /run/holdfast/.network, in the mount namespace of the caller. What is attached to a cgroup does not
// depend on it: pins only spare the next container the loading.
#pragma once

#include <string>

#include "core/base/result.h"

namespace holdfast {

inline constexpr char kNetworkHelper[] = "holdfast-network";
inline constexpr char kNetworkDirectory[] = "/run/holdfast/.network";  // the lock, and maybe bpffs

// "network-" and what the object file digests to: objects of another release are another directory.
std::string network_version();

// The bpffs that is there, or "": "/sys/fs/bpf".
std::string find_bpffs();

// The directory of the pins, loaded if they are not there yet.
Result<std::string> network_pins();
// Has rings for events made for the next slots.
Result<> add_network_rings();

// Runs the helper until its end; an error is what it says. `input` is its standard input, `extra` (if not
// -1) its descriptor 3.
Result<> run_network_helper(const char* verb, std::string_view input = {}, int extra = -1);

}  // namespace holdfast
