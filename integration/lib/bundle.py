"""Bundles made of Debian's busybox-static, with a configuration like Docker's.

    with Bundle(["id", "-u"], user=1000) as bundle:
        bundle.config["process"]["noNewPrivileges"] = True
        bundle.write()
"""

import copy
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

BUSYBOX = "/bin/busybox"
DEFAULT_CAPABILITIES = [
    "CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
    "CAP_MKNOD", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP",
    "CAP_SETUID", "CAP_SYS_CHROOT"]
MASKED_PATHS = [
    "/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"]
READONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
MOUNTS = [
    ("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
    ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/dev/pts", "devpts", "devpts",
     ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    ("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
    ("/sys/fs/cgroup", "cgroup", "cgroup", ["ro", "nosuid", "noexec", "nodev"]),
    ("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
    ("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
]
# Of this test run: others may be at work on the same host.
CGROUP_PARENT = f"/holdfast-test/{os.getpid()}"


def make_rootfs(path):
    """A small root: busybox and its applets, users and groups."""
    path = pathlib.Path(path)
    for directory in ("bin", "etc", "dev", "proc", "sys", "tmp", "root", "home/user", "usr/bin",
                      "var", "run"):
        (path / directory).mkdir(parents=True, exist_ok=True)
    shutil.copy(BUSYBOX, path / "bin/busybox")
    applets = subprocess.run([BUSYBOX, "--list"], check=True, stdout=subprocess.PIPE, text=True)
    for applet in applets.stdout.split():
        if applet != "busybox":
            os.symlink("busybox", path / "bin" / applet)
    (path / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")
    (path / "etc/group").write_text("root:x:0:\nuser:x:1000:\n")
    os.chmod(path / "tmp", 0o1777)
    return path


def default_config(args, container="default", user=0):
    """A config.json like the one that Docker writes."""
    sets = {name: list(DEFAULT_CAPABILITIES) for name in ("bounding", "effective", "permitted")}
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": user, "gid": user},
            "args": list(args),
            "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": sets,
            "noNewPrivileges": False,
        },
        "root": {"path": "rootfs", "readonly": False},
        "hostname": "test",
        "mounts": [
            {"destination": destination, "type": kind, "source": source, "options": list(options)}
            for destination, kind, source, options in MOUNTS],
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")],
            "cgroupsPath": f"{CGROUP_PARENT}/{container}",
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "maskedPaths": list(MASKED_PATHS),
            "readonlyPaths": list(READONLY_PATHS),
        },
    }


class Bundle:
    """A bundle in a directory of its own; removed at the end of the `with` block."""

    def __init__(self, args=("true",), user=0, config=None):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-bundle-"))
        os.chmod(self.path, 0o755)
        self.rootfs = make_rootfs(self.path / "rootfs")
        self.config = copy.deepcopy(config) if config else default_config(
            args, container=self.path.name, user=user)
        self.write()

    @property
    def process(self):
        return self.config["process"]

    @property
    def linux(self):
        return self.config["linux"]

    def mount(self, destination, source, *options, kind="bind"):
        self.config["mounts"].append(
            {"destination": destination, "type": kind, "source": str(source),
             "options": list(options)})
        return self.write()

    def capabilities(self, *names):
        """Exactly these, in the sets that matter."""
        for each in ("bounding", "effective", "permitted"):
            self.process["capabilities"][each] = list(names)
        return self.write()

    def write(self):
        (self.path / "config.json").write_text(json.dumps(self.config))
        return self

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()
