// Kernel parameters that belong to a container's own namespaces; all others would change the host.
//
//   HF_DO(validate_sysctl("net.ipv4.ip_forward", {.net = true}));
//   HF_TRY(std::string path, sysctl_path("net.ipv4.ip_forward"));   // "net/ipv4/ip_forward"
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace holdfast {

// Namespaces that are not the host's: new, or joined by path and known to be another one.
struct OwnNamespaces {
  bool ipc = false, net = false, uts = false;
};

// As sysctl(8) reads a name: its first separator is the separator ("net/ipv4/conf/eth0.100/mtu" and
// "net.ipv4.conf.eth0/100.mtu" are the same). An error where a component is empty, "." or "..".
Result<std::string> sysctl_path(std::string_view name);

// Whether a container with these namespaces may have it set: kernel.{msg*,sem,shm*} and fs.mqueue.*
// with an IPC namespace, net.* with a network namespace, kernel.domainname with a UTS namespace.
Result<> validate_sysctl(std::string_view name, const OwnNamespaces& own);

}  // namespace holdfast
