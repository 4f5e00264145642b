// The container's /dev, once it stands: nodes, /dev/ptmx, the links to the descriptors,
// /dev/console.
//
//   HF_DO(make_device(root, dev, device, may_mknod));
//   HF_DO(make_device_links(dev));
//   HF_DO(bind_terminal(dev, peer));
//
// `dev` is a descriptor of the container's /dev; what is made there is made relative to it.
#pragma once

#include "core/base/fd.h"
#include "core/oci/spec.h"

namespace holdfast {

enum class NodeMethod {
  kMknod,
  kBind  // the host's node of the same path: in a user namespace, or without CAP_MKNOD
};

// Makes the node, or finds it there already as the same device. With kMknod a refusal (EPERM) makes
// it a bind. The host's node is bound only if it is that very device.
Result<> make_device(const DirFd& root, const DirFd& dev, const oci::Device& device,
                     NodeMethod method);

// /dev/ptmx -> pts/ptmx; /dev/fd, stdin, stdout, stderr; core where the host has /proc/kcore.
Result<> make_device_links(const DirFd& dev);

// A bind of the pseudo-terminal's open file on /dev/console: no /dev/pts/N is ever looked up
// (CVE-2025-52565).
Result<> bind_terminal(const DirFd& dev, const Fd& terminal);

// Whether it is the null device: character device 1:3 on a devtmpfs or tmpfs (CVE-2025-31133).
Result<bool> is_null_device(const Fd& fd);

// Standard streams that are the null device of the host become that of the container's /dev.
Result<> reopen_null_streams(const DirFd& dev);

}  // namespace holdfast
