"""Bundles as Docker asks for them where nobody says otherwise, with the attacker's program in them.

    with DockerDefault(outside) as bundle:                 # root, Docker's 14 capabilities and filter
        runtime.run_container(bundle.perform("mount-tmpfs", "bpf-map"))
"""

import json
import os
import pathlib
import shutil
import struct

from lib.bundle import Bundle
from lib.runtime import HOLDFAST, REPOSITORY

ACTIONS = pathlib.Path(HOLDFAST).resolve().parent / "escape_actions"
SECCOMP = json.loads((REPOSITORY / "bench/docker-seccomp.json").read_text())
USER = 1000
SECRET = "secret of the host\n"
NET_BIND_SERVICE = 10
# VFS_CAP_REVISION_2 with the effective bit: permitted and inheritable, low and high words.
CAPABLE = struct.pack("<5I", 0x02000001, 1 << NET_BIND_SERVICE, 0, 0, 0)
# What Docker's filter lets through besides once the capability is there.
OF_CAPABILITY = {
    "CAP_SYS_ADMIN": ["bpf", "clone", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick",
                      "lookup_dcookie", "mount", "mount_setattr", "move_mount", "open_tree",
                      "perf_event_open", "quotactl", "quotactl_fd", "setdomainname", "sethostname",
                      "setns", "syslog", "umount", "umount2", "unshare"],
    "CAP_SYS_MODULE": ["delete_module", "finit_module", "init_module"],
}


class DockerDefault(Bundle):
    """`outside` is a directory of the host; the secret is put there."""

    def __init__(self, outside, user=0):
        super().__init__(("true",), user=user)
        self.secret = pathlib.Path(outside) / "secret"
        self.secret.write_text(SECRET)
        for name in ("actions", "actions-setuid", "actions-capable"):
            shutil.copy(ACTIONS, self.rootfs / name)
        os.chmod(self.rootfs / "actions-setuid", 0o4755)
        os.setxattr(self.rootfs / "actions-capable", "security.capability", CAPABLE)
        (self.rootfs / "private-of-1000").write_text("private\n")
        os.chown(self.rootfs / "private-of-1000", USER, USER)
        os.chmod(self.rootfs / "private-of-1000", 0o600)
        self.process["env"] += [f"HOLDFAST_SECRET={self.secret}", f"HOLDFAST_TEST_PID={os.getpid()}"]
        self.linux["seccomp"] = json.loads(json.dumps(SECCOMP))
        self.linux["sysctl"] = {"net.ipv4.ip_unprivileged_port_start": "0",
                                "net.ipv4.ping_group_range": "0 2147483647"}
        if user != 0:
            # As Docker does: nothing that it has, everything that it may gain.
            for kind in ("effective", "permitted"):
                del self.process["capabilities"][kind]
        self.write()

    def perform(self, *actions):
        self.process["args"] = ["/actions", *actions]
        return self.write()

    # --- what users ask Docker for besides ---

    def without_filter(self):
        del self.linux["seccomp"]
        return self.write()

    def with_capability(self, name):
        for each in ("bounding", "effective", "permitted"):
            self.process["capabilities"][each].append(name)
        self.linux["seccomp"]["syscalls"].append(
            {"names": OF_CAPABILITY[name], "action": "SCMP_ACT_ALLOW"})
        return self.write()

    def with_host_processes(self):
        self.linux["namespaces"] = [
            each for each in self.linux["namespaces"] if each["type"] != "pid"]
        return self.write()

    def with_bind(self, source, destination):
        return self.mount(destination, source, "rbind", "rprivate")
