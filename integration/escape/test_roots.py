"""An exec that arrives outside of the container's root."""

import shutil
import subprocess

from escape.attack_case import AttackCase
from lib.runtime import HOLDFAST

# A chroot whose root is a mount: pivot_root(2) works there, and leaves the host's root above.
CHROOT = """
set -e
mount --bind "$1" "$1"
for each in proc sys dev; do mkdir -p "$1/$each"; mount --rbind /$each "$1/$each"; done
exec chroot "$1" /holdfast --root /state run --bundle /bundle t
"""


class Roots(AttackCase):
    def test_a_runtime_in_a_chroot_refuses(self):
        bundle = self.bundle("sh", "-c", "ls /")
        place = self.outside / "chroot"
        for name in ("tmp", "etc", "state"):
            (place / name).mkdir(parents=True)
        (place / "state").chmod(0o700)
        shutil.copy(HOLDFAST, place / "holdfast")
        shutil.copytree(bundle.path, place / "bundle", symlinks=True)
        result = subprocess.run(
            ["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", CHROOT, "sh",
             place], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=60, check=False)
        self.assert_refused(result, "the runtime runs in a chroot")
        self.assertEqual(result.stdout, "")

    def test_a_container_without_a_mount_namespace_is_refused(self):
        """An exec into it would arrive at the host's root."""
        bundle = self.bundle("true")
        bundle.linux["namespaces"] = [
            each for each in bundle.linux["namespaces"] if each["type"] != "mount"]
        bundle.config["mounts"] = []
        for field in ("maskedPaths", "readonlyPaths"):
            bundle.linux[field] = []
        self.assert_refused(self.runtime.run_container(bundle.write()), "linux.namespaces")
