#include "profiles/policy/rules.h"

#include <array>

namespace holdfast {
namespace {

// In the order of RuleId.
constexpr std::array<Rule, static_cast<size_t>(RuleId::kCount)> kRules{{
    {"HF-C001", "privileged container",
     "drop --privileged (securityContext.privileged), or add exception \"privileged\""},
    {"HF-C002", "namespaces shared with the host",
     "give it namespaces of its own (no --net=host, --pid=host, --ipc=host, --uts=host; "
     "hostNetwork, hostPID, hostIPC: false), or add exception \"hostNamespaces\""},
    {"HF-C003", "capabilities beyond the profile's",
     "drop it (--cap-add, securityContext.capabilities.add), or add exception "
     "\"capabilities:NAME\""},
    {"HF-C004", "default capabilities that are taken away",
     "add exception \"capabilities:NAME\" if the program needs it"},
    {"HF-C005", "privileges gained by execve",
     "set no-new-privileges (--security-opt no-new-privileges, allowPrivilegeEscalation: false)"},
    {"HF-C006", "no seccomp profile",
     "leave the engine's default profile in place (no seccomp=unconfined; seccompProfile: "
     "RuntimeDefault)"},
    {"HF-C007", "system calls that no ordinary container needs",
     "add exception \"nestedContainers\" or \"ioUring\" if the program needs them"},
    {"HF-C008", "inheritable capabilities",
     "update the engine: since CVE-2022-24769 none sets them"},
    {"HF-C009", "root of the container is root of the host",
     "dockerd userns-remap, podman --userns=auto, hostUsers: false"},
    {"HF-C010", "kernel interfaces that are hidden",
     "keep the engine's masked paths (no systempaths=unconfined, unmask=; procMount: Default), or "
     "add exception \"maskedPaths\""},
    {"HF-C011", "kernel interfaces that are read-only",
     "keep the engine's read-only paths (no systempaths=unconfined, unmask=; procMount: Default), "
     "or add exception \"maskedPaths\""},
    {"HF-C012", "number of processes",
     "set a limit (--pids-limit, podPidsLimit), or add exception "
     "\"limits:pids\""},
    {"HF-C013", "kernel parameters",
     "drop it (--sysctl, securityContext.sysctls), or add exception \"sysctl:NAME\""},
    {"HF-C014", "devices of the host", "drop it (--device), or add exception \"devices:PATH\""},
    {"HF-C015", "access to every device",
     "name the devices (--device, --device-cgroup-rule), or add exception \"deviceRules\""},
    {"HF-C016", "AppArmor confinement",
     "leave the engine's default profile in place (no apparmor=unconfined)"},
    {"HF-C017", "SELinux confinement",
     "leave the engine's default label in place (no label=disable)"},
    {"HF-C018", "the program runs as root", "name a user (--user, runAsNonRoot: true)"},
    {"HF-C019", "exec asks for more than its container has",
     "exec without --privileged, as the container's user and with its own label, or add exception "
     "\"exec\", \"execTerminal\", \"execRoot\" or \"execCapabilities:NAME\", which must expire"},
    {"HF-C020", "hooks",
     "keep hook programs out of what the container can write to and name them in the profile's "
     "hooks.allow, or add exception \"hooks:PATH\""},
    {"HF-C021", "sockets and state of a container engine",
     "drop the mount, or add exception \"mounts:PATH\""},
    {"HF-C022", "directories of the host's system",
     "drop the mount or use a volume, or add exception \"mounts:PATH\""},
    {"HF-C023", "mounts that propagate to the host",
     "use rprivate or rslave (bind-propagation, mountPropagation: None), or add exception "
     "\"sharedMounts\""},
    {"HF-C024", "the host's cgroup tree",
     "give it a cgroup namespace of its own (--cgroupns=private)"},
    {"HF-C025", "a protection that cannot be applied",
     "say auto instead of require in the profile, or add the exception of its name"},
    {"HF-C026", "limits of memory, CPU and I/O",
     "ask for less (--memory, --cpus, resources.limits), or add exception \"limits:NAME\""},
    {"HF-C027", "limits of the process",
     "ask for less (--ulimit), or add exception \"rlimits:RLIMIT_NAME\""},
    {"HF-C028", "a writable root",
     "write to a volume or tmpfs (--read-only, readOnlyRootFilesystem: true), or add exception "
     "\"rootfs\""},
    {"HF-C029", "flags of mounts",
     "mount it with the flags itself, or add exception \"mounts:PATH\""},
    {"HF-C030", "files and ports within reach (Landlock)",
     "name the path or port in the profile, or add exception \"landlock\""},
    {"HF-C031", "memory both writable and executable",
     "add exception \"mdwe\" for programs with a JIT"},
    {"HF-C032", "programs that are executed",
     "put the program into the image, name it in the profile's exec.programs, or add exception "
     "\"execControl\""},
    {"HF-C033", "connections and sockets",
     "name the peer or port in the profile's network section, or add exception \"network\""},
}};

constexpr bool complete() {
  for (const Rule& rule : kRules)
    if (rule.id.empty() || rule.title.empty() || rule.fix.empty()) return false;
  return true;
}
static_assert(complete());

}  // namespace

const Rule& rule_of(RuleId id) { return kRules[static_cast<size_t>(id)]; }
std::span<const Rule> all_rules() { return kRules; }

}  // namespace holdfast
