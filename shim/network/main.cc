// holdfast-network: loads the BPF programs of network control, once per boot and release. The only program
// of holdfast with libbpf and libnftables.
//
//   holdfast-network load     programs and maps are pinned (sandbox/kernel/bpf/network_pins.h)
//   holdfast-network rings    more rings for events
//   holdfast-network filter   nftables rules (standard input) into a network namespace (descriptor 3)
//   holdfast-network compare  whether they stand there
//
// What went wrong is one line on standard output.
#include <dirent.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "core/base/fd.h"
#include "sandbox/kernel/bpf/network_pins.h"
#include "sandbox/launch/cache_directory.h"
#include "shim/network/bpf_object.h"
#include "shim/network/nft.h"

namespace holdfast {
namespace {

Result<std::string> bpffs() {
  if (std::string found = find_bpffs(); !found.empty()) return found;
  const std::string own = fmt::format("{}/bpf", kNetworkDirectory);
  if (::mkdir(own.c_str(), 0700) != 0 && errno != EEXIST) return os_error("mkdir {}", own);
  if (::mount("bpf", own.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0)
    return os_error("mount a bpffs on {}", own);
  return own;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(directory.c_str()), &::closedir);
  while (const dirent* entry = open ? ::readdir(open.get()) : nullptr)
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  return names;
}

// Its programs stay where they are attached, and their maps with them.
void unpin(const std::string& directory) {
  for (const std::string& name : names_in(directory))
    ::unlink(fmt::format("{}/{}", directory, name).c_str());
  ::rmdir(directory.c_str());
}

Result<> load() {
  HF_TRY(const DirFd lock, open_locked(kNetworkDirectory));
  HF_TRY(const std::string root, bpffs());
  const std::string base = root + "/holdfast";
  if (::mkdir(base.c_str(), 0700) != 0 && errno != EEXIST) return os_error("mkdir {}", base);
  const std::string wanted = fmt::format("{}/{}", base, network_version());
  if (::access(wanted.c_str(), F_OK) == 0) return {};
  const std::string fresh = base + "/loading";
  unpin(fresh);  // of one that was killed
  if (auto loaded = load_network_object(fresh); !loaded) {
    unpin(fresh);
    return loaded;
  }
  // Whole or not at all: nobody opens pins before the name is there.
  if (::rename(fresh.c_str(), wanted.c_str()) != 0) return os_error("rename {}", fresh);
  for (const std::string& name : names_in(base))
    if (name.starts_with("network-") && name != network_version()) unpin(base + "/" + name);
  return {};
}

Result<> rings() {
  HF_TRY(const DirFd lock, open_locked(kNetworkDirectory));
  return make_network_rings(fmt::format("{}/holdfast/{}", find_bpffs(), network_version()));
}

Result<std::string> standard_input() {
  const Fd input(::dup(STDIN_FILENO));
  return read_all(input, 1 << 20);
}

Result<> run(std::string_view verb) {
  if (verb == "load") return load();
  if (verb == "rings") return rings();
  if (verb == "filter" || verb == "compare") {
    HF_TRY(const std::string rules, standard_input());
    return verb == "filter" ? filter_packets(rules) : compare_filter(rules);
  }
  return error("unknown verb \"{}\"", verb);
}

}  // namespace
}  // namespace holdfast

int main(int count, char** arguments) {
  const auto done = holdfast::run(count == 2 ? arguments[1] : "");
  if (done) return 0;
  std::printf("%s\n", done.error().message.c_str());
  return 1;
}
