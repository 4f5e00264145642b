"""What each of the attacker's actions must come to: under runc with Docker's defaults, under baseline, and
under restricted. The words are those of escape_actions (actions/main.cc), or "refused RULE" where the
container is not made at all.

    python3 integration/escape/expected_actions.py       # the table of docs/attacks.md
"""

import dataclasses
import platform


@dataclasses.dataclass(frozen=True)
class Either:
    """What differs between kernels or machines, and why."""
    outcomes: tuple
    why: str

    def __str__(self):
        return " or ".join(self.outcomes)


def either(*outcomes, why):
    return Either(outcomes, why)


@dataclasses.dataclass(frozen=True)
class Row:
    """A later column that is not given is like the one before it. `action` is what the program calls it."""
    name: str
    runc: object
    baseline: object = None
    restricted: object = None
    action: str = ""
    # root, user (uid 1000), or what was asked for besides: a name in test_actions.ASKED
    container: str = "root"

    def cells(self):
        baseline = self.baseline or self.runc
        return self.runc, baseline, self.restricted or baseline

    @property
    def program(self):
        return self.action or self.name


DONE = "done"
NONE = "no effect"
EPERM, EACCES, EROFS, ENOENT, ENOSYS = (
    f"denied {name}" for name in ("EPERM", "EACCES", "EROFS", "ENOENT", "ENOSYS"))
NO_FILE = "the kernel's configuration lacks the file"
NO_AGENT = "cgroup v2 has no release agent"


def unless_absent(outcome):
    return either(outcome, "absent", why=NO_FILE)


OWN_IDS = "a user namespace of its own, where the root can be id-mapped: what is the host's root's has no owner inside"


def mapped(without, with_own_ids):
    return either(without, with_own_ids, why=OWN_IDS)


MAPPED_OR_ABSENT = either(EROFS, EACCES, "absent", why=f"{NO_FILE}; {OWN_IDS}")


def i386(outcome):
    return either(outcome, "killed SIGSEGV", why="the kernel is built without i386's calls, or ia32_emulation=0")


NO_ALG = "denied EAFNOSUPPORT"
ALG = either(DONE, NO_ALG, why="the kernel lacks CRYPTO_USER_API")
VSOCK = either(DONE, "denied EAFNOSUPPORT", why="the kernel lacks VSOCKETS")
RING = either(DONE, EPERM, ENOSYS, why="sysctl kernel.io_uring_disabled, or a kernel without IO_URING")
AUDIT = either(DONE, "denied EPROTONOSUPPORT", "denied ECONNREFUSED",
               why="the kernel lacks AUDIT, or hears only the host's namespaces")
TYPED = either(DONE, "denied EIO", why="sysctl dev.tty.legacy_tiocsti")
LDT = either(DONE, ENOSYS, why="the kernel lacks MODIFY_LDT_SYSCALL")
MODULE = either("reached ENOEXEC", EPERM, ENOSYS, why="a kernel without MODULES, or kernel.modules_disabled")
MDWE = either(EACCES, "refused HF-C031", why="a kernel before 6.3 has no MDWE, and the profile requires it")
X86_ONLY = ("modify-ldt", "iopl", "ioperm")

GROUPS = [
    ("The mount tree", [
        Row("mount-tmpfs", EPERM),
        Row("mount-proc", EPERM),
        Row("mount-cgroup", EPERM),
        Row("remount-proc-sys", EPERM),
        Row("unmount-mask", EPERM),
        Row("fsopen", EPERM),
        Row("open-tree", EPERM),
        Row("mount-setattr", EPERM),
        Row("pivot-root", EPERM),
    ]),
    ("Paths that lead out", [
        Row("chroot-escape", NONE, restricted=EPERM),
        Row("symlink-escape", ENOENT),
        Row("proc-root-escape", ENOENT),
        Row("open-by-handle", EPERM),
    ]),
    ("Namespaces", [
        Row("unshare-user", EPERM),
        Row("unshare-user as a user", EPERM, action="unshare-user", container="user"),
        Row("unshare-mount", EPERM),
        Row("unshare-net", EPERM),
        Row("clone-user", EPERM),
        Row("clone3-user", ENOSYS),
        Row("setns", EPERM),
        Row("setns-init-mount", EPERM),
        Row("sethostname", EPERM),
    ]),
    ("Parts of the kernel with a history", [
        Row("bpf-map", EPERM),
        Row("bpf-program", EPERM),
        Row("perf-event", EPERM),
        Row("add-key", EPERM),
        Row("request-key", EPERM),
        Row("keyctl", EPERM),
        Row("io-uring", RING, EPERM),
        Row("io-uring as a user", RING, EPERM, action="io-uring", container="user"),
        Row("userfaultfd", EPERM),
        Row("fanotify", EPERM),
        Row("init-module", EPERM),
        Row("finit-module", EPERM),
        Row("delete-module", EPERM),
        Row("kexec", EPERM),
        Row("modify-ldt", LDT),
    ]),
    ("The host's clock, log, swap, power", [
        Row("reboot", EPERM),
        Row("swapon", EPERM),
        Row("swapoff", EPERM),
        Row("settimeofday", EPERM),
        Row("adjtimex", EPERM),
        Row("syslog", EPERM),
        Row("quotactl", EPERM),
        Row("acct", EPERM),
        Row("lookup-dcookie", EPERM),
        Row("nfsservctl", EPERM),
        Row("iopl", EPERM),
        Row("ioperm", EPERM),
    ]),
    ("Sockets", [
        Row("raw-socket", DONE, EPERM),
        Row("raw-socket-v6", either(DONE, "denied EAFNOSUPPORT", why="a host without IPv6"), EPERM),
        Row("packet-socket", DONE, EPERM),
        Row("af-alg", ALG, EPERM),
        Row("af-vsock", VSOCK, EPERM),
        Row("netlink-add-link", EPERM),
        Row("netlink-audit", AUDIT, restricted=mapped(EPERM, "denied ECONNREFUSED")),
        Row("ping", DONE),
        Row("ping as a user", DONE, action="ping", container="user"),
        Row("bind-port-80", DONE),
    ]),
    ("/proc, /sys and cgroups", [
        Row("write-core-pattern", EROFS, restricted=mapped(EROFS, EACCES)),
        Row("write-proc-sys", EROFS, restricted=mapped(EROFS, EACCES)),
        Row("write-modprobe", unless_absent(EROFS), restricted=MAPPED_OR_ABSENT),
        Row("open-sysrq-trigger", unless_absent(EROFS), restricted=MAPPED_OR_ABSENT),
        Row("write-irq-affinity", unless_absent(EROFS), restricted=MAPPED_OR_ABSENT),
        Row("write-sys", unless_absent(EROFS)),
        Row("write-sys-power", unless_absent(EROFS)),
        Row("write-uevent-helper", unless_absent(EROFS)),
        Row("read-kcore", unless_absent(NONE)),
        Row("read-kmsg", EPERM, restricted=mapped(EPERM, EACCES)),
        Row("read-keys", unless_absent(NONE)),
        Row("read-timers", unless_absent(NONE)),
        Row("read-firmware", unless_absent(NONE)),
        Row("make-cgroup", EROFS),
        Row("open-release-agent", either(EROFS, "absent", why=NO_AGENT),
            restricted=either(EROFS, EACCES, "absent", why=f"{NO_AGENT}; {OWN_IDS}")),
        Row("write-own-limits", EROFS, restricted=mapped(EROFS, EACCES)),
        Row("endless-processes", DONE, NONE),
    ]),
    ("Devices and terminals", [
        Row("mknod-block", DONE, restricted=EACCES),
        Row("mknod-whiteout", DONE, restricted=either(EACCES, DONE, why="Landlock's right to make files covers whiteouts in "
                                                          "stable kernels of late 2026 (Debian's 6.1.192), not that to make devices")),
        Row("open-disk", EPERM, restricted=EACCES),
        Row("open-mem", EPERM, restricted=EACCES),
        Row("open-kmsg", EPERM, restricted=EACCES),
        Row("open-loop-control", EPERM, restricted=EACCES),
        Row("tioclinux", EPERM, restricted=EACCES),
        Row("tiocsti", TYPED),
    ]),
    ("Other processes of the container", [
        Row("process-vm-readv", EPERM),
        Row("proc-mem", DONE),
        Row("ptrace", DONE, restricted=EPERM),
        Row("pidfd-getfd", EPERM),
        Row("kcmp", EPERM),
    ]),
    ("More rights", [
        Row("setuid-program as a user", DONE, restricted=NONE, action="setuid-program", container="user"),
        Row("capable-program as a user", DONE, restricted=NONE, action="capable-program", container="user"),
        Row("dac-override", DONE, restricted=EACCES),
        Row("chown", DONE, restricted=EPERM),
        Row("setuid", DONE, restricted=EPERM),
        Row("setfcap", DONE, restricted=EPERM),
        Row("personality", EPERM),
        Row("raise-rlimit", either(EPERM, "absent", why="no limit to go beyond")),
        Row("raise-priority", EACCES),
        Row("oom-score", EACCES),
    ]),
    ("Code that did not come with the image", [
        Row("map-writable-code", DONE),
        Row("data-to-code", DONE),
        Row("map-writable-code, profile with mdwe", DONE, MDWE, action="map-writable-code", container="mdwe"),
        Row("data-to-code, profile with mdwe", DONE, MDWE, action="data-to-code", container="mdwe"),
        Row("exec-memfd", DONE),
        Row("exec-dev-shm", EACCES),
        Row("exec-tmp", DONE),
        Row("exec-dev", DONE, restricted=EACCES),
        Row("exec-new-directory", DONE, restricted=EACCES),
    ]),
    ("Other entries of the kernel", [
        Row("i386-unshare-user", i386(EPERM)),
        Row("i386-clone-user", i386(EPERM)),
        Row("i386-mount", i386(EPERM)),
        Row("i386-keyctl", i386(EPERM)),
        Row("i386-bpf-map", i386(EPERM)),
        Row("i386-io-uring", either(*RING.outcomes, "killed SIGSEGV", why=RING.why), i386(EPERM)),
        Row("i386-ptrace", i386(DONE), restricted=i386(EPERM)),
        Row("i386-vsock", either(*VSOCK.outcomes, "killed SIGSEGV", why=VSOCK.why), i386(EPERM)),
        Row("i386-raw-socket", i386(DONE), i386(EPERM)),
        Row("socketcall-vsock", either(*VSOCK.outcomes, "killed SIGSEGV", why=VSOCK.why),
            restricted=i386(EPERM)),
        Row("socketcall-alg", either(*ALG.outcomes, "killed SIGSEGV", why=ALG.why), restricted=i386(EPERM)),
        Row("socketcall-raw", i386(DONE), i386(EPERM)),
        Row("x32-unshare-user", EPERM),
    ]),
    ("What the engine was asked for besides", [
        Row("--security-opt seccomp=unconfined: unshare-user", DONE, EPERM, action="unshare-user",
            container="unconfined"),
        Row("seccomp=unconfined: keyctl", DONE, EPERM, action="keyctl", container="unconfined"),
        Row("seccomp=unconfined: add-key", DONE, EPERM, action="add-key", container="unconfined"),
        Row("seccomp=unconfined: userfaultfd", DONE, EPERM, action="userfaultfd", container="unconfined"),
        Row("seccomp=unconfined: personality", DONE, restricted=EPERM, action="personality",
            container="unconfined"),
        Row("seccomp=unconfined: process-vm-readv", DONE, restricted=EPERM, action="process-vm-readv",
            container="unconfined"),
        Row("--cap-add SYS_ADMIN: mount-tmpfs", DONE, "refused HF-C003", action="mount-tmpfs",
            container="sys-admin"),
        Row("--cap-add SYS_MODULE: init-module", MODULE,
            "refused HF-C003", action="init-module", container="sys-module"),
        Row("-v /var/run/docker.sock", DONE, "refused HF-C021", action="bound-engine-socket",
            container="engine-socket"),
        Row("-v /:/host", DONE, "refused HF-C021", action="bound-host-root", container="host-root"),
        Row("-v /etc:/host-etc", DONE, "refused HF-C021", action="bound-host-etc", container="host-etc"),
        Row("-v /usr:/host-usr", DONE, restricted="refused HF-C022", action="bound-host-usr",
            container="host-usr"),
        Row("--pid host", DONE, restricted="refused HF-C002", action="shared-host-pids",
            container="host-pids"),
    ]),
]


def rows():
    """Those that this machine's architecture has."""
    x86 = platform.machine() == "x86_64"
    for _, group in GROUPS:
        for row in group:
            foreign = row.name.startswith(("i386-", "socketcall-", "x32-"))
            if x86 or not (foreign or row.name in X86_ONLY):
                yield row


def markdown(aims):
    """`aims` says of each action what it gives."""
    lines = []
    for title, group in GROUPS:
        lines += [f"### {title}", "", "| action | gives | runc | baseline | restricted |",
                  "|---|---|---|---|---|"]
        for row in group:
            cells = [f"**{cell}**" if str(cell) != str(row.runc) else str(cell) for cell in row.cells()]
            lines.append("| " + " | ".join([row.name, aims[row.program], *cells]) + " |")
        lines.append("")
    lines += ["### What differs between kernels and machines", ""]
    lines += [f"- {', '.join(names)}: {why}" for why, names in differences().items()]
    return "\n".join(lines) + "\n"


def differences():
    """Why some cells hold more than one outcome: {reason: [row name]}."""
    found = {}
    for _, group in GROUPS:
        for row in group:
            for why in dict.fromkeys(cell.why for cell in row.cells() if isinstance(cell, Either)):
                found.setdefault(why, []).append(row.name)
    return found


def main():
    import pathlib
    import subprocess
    program = pathlib.Path(__file__).resolve().parents[2] / "build/release/bin/escape_actions"
    listed = subprocess.run([program, "list"], check=True, stdout=subprocess.PIPE, text=True).stdout
    print(markdown(dict(line.split("\t") for line in listed.splitlines())), end="")


if __name__ == "__main__":
    main()
