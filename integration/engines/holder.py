"""The process that holds an instance's namespaces (see instance.py); not for direct use.

    holder.py SCRATCH CGROUP

Joins CGROUP in every hierarchy, opens private mount, network, pid and cgroup namespaces, and lets
its child be their init: it mounts what is private, brings `lo` and an uplink up, writes "ready"
to standard output and then only reaps orphans. When this process dies so does everything in there.
"""

import ctypes
import os
import signal
import subprocess
import sys

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWPID, CLONE_NEWNET = 0x20000, 0x2000000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
# What the engines keep; a directory of the scratch file system each, because an engine's overlay
# cannot stand on the overlay that makes /var private.
ENGINE_DIRECTORIES = ("docker", "containerd", "containers", "cni", "holdfast")


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def run(*argv):
    subprocess.run(argv, check=True, stdout=sys.stderr)


def hierarchies():
    """The mount points of the cgroup hierarchies and their kinds, as [(path, fstype, options)]."""
    with open("/proc/self/mounts", encoding="ascii") as mounts:
        rows = [line.split() for line in mounts]
    return [(r[1], r[2], r[3]) for r in rows if r[2] in ("cgroup", "cgroup2")]


def join(cgroup):
    for top, kind, _ in hierarchies():
        path = os.path.join(top, cgroup)
        os.makedirs(path, exist_ok=True)
        if kind == "cgroup" and os.path.exists(f"{path}/cpuset.cpus"):
            for name in ("cpuset.cpus", "cpuset.mems"):  # a new cpuset is empty, and takes no process
                with open(f"{top}/{name}", encoding="ascii") as source:
                    value = source.read()
                with open(f"{path}/{name}", "w", encoding="ascii") as target:
                    target.write(value)
        with open(f"{path}/cgroup.procs", "w", encoding="ascii") as procs:
            procs.write("0")


def mount_cgroups():
    """The same mount points again, now showing this namespace's subtree as the root."""
    found = hierarchies()
    for top, _, _ in reversed(found):
        run("umount", top)
    for top, kind, options in found:
        if kind == "cgroup2":
            run("mount", "-t", "cgroup2", "-o", "nsdelegate", "cgroup2", top)
        else:
            own = [o for o in options.split(",") if o not in ("rw", "nosuid", "nodev", "noexec", "relatime")
                   and not o.startswith("release_agent")]
            run("mount", "-t", "cgroup", "-o", ",".join(own), "cgroup", top)
    if len(found) == 1 and found[0][1] == "cgroup2":
        # processes may live in leaves only, once controllers are handed down
        top = found[0][0]
        os.mkdir(f"{top}/init")
        with open(f"{top}/init/cgroup.procs", "w", encoding="ascii") as procs:
            procs.write("0")
        with open(f"{top}/cgroup.controllers", encoding="ascii") as controllers:
            names = controllers.read().split()
        for name in names:
            with open(f"{top}/cgroup.subtree_control", "w", encoding="ascii") as control:
                control.write(f"+{name}")


def private_overlay(directory, layers):
    name = directory.strip("/")
    for part in ("upper", "work"):
        os.makedirs(f"{layers}/{name}-{part}")
    run("mount", "-t", "overlay", "-o",
        f"lowerdir={directory},upperdir={layers}/{name}-upper,workdir={layers}/{name}-work",
        f"private-{name}", directory)


def prepare(scratch):
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "proc", "proc", "/proc")
    mount_cgroups()
    private_overlay("/etc", f"{scratch}/layers")
    private_overlay("/var", f"{scratch}/layers")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "run", "/run")
    os.makedirs("/run/lock")
    for name in ENGINE_DIRECTORIES:
        os.makedirs(f"{scratch}/lib/{name}", exist_ok=True)
        os.makedirs(f"/var/lib/{name}", exist_ok=True)
        run("mount", "--bind", f"{scratch}/lib/{name}", f"/var/lib/{name}")
    # An uplink with a default route that leads nowhere: engines ask for one before they start.
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1")
    run("ip", "addr", "add", "198.51.100.2/24", "dev", "up0")
    run("ip", "link", "set", "up1", "up")
    run("ip", "link", "set", "up0", "up")
    run("ip", "route", "add", "default", "via", "198.51.100.1")


def reap():
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            signal.sigwait({signal.SIGCHLD})


def main():
    scratch, cgroup = sys.argv[1:]
    die_with_parent()
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    join(cgroup)
    if LIBC.unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWCGROUP) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    child = os.fork()
    if child == 0:
        die_with_parent()
        prepare(scratch)
        os.write(1, b"ready\n")
        os.close(1)
        reap()
    # its pid as seen from outside, for those who enter
    os.write(1, f"{child}\n".encode())
    os.waitpid(child, 0)


if __name__ == "__main__":
    main()
