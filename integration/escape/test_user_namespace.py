"""What the root of a container with a user namespace of holdfast's giving can do to the host's files."""

import os
import pathlib
import shutil
import tempfile

from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.node import Node
from lib.runtime import Runtime

# All of Docker's capabilities, in a namespace of its own.
PROFILES = {"mapped": {"extends": "baseline", "userNamespace": "require"}}
ENABLED = "/sys/kernel/mm/transparent_hugepage/enabled"


class RootOfAUserNamespace(RuntimeCase):
    def setUp(self):
        super().setUp()
        node = Node({"profile": "mapped"}, profiles=PROFILES)
        self.enterContext(node)
        self.node = node
        self.runtime = Runtime(root=self.runtime.root, prefix=node.prefix)

    def bundle(self, script):
        bundle = Bundle(["sh", "-c", script])
        self.addCleanup(bundle.remove)
        return bundle

    def seen(self, bundle):
        return self.assert_ok(self.runtime.run_container(bundle)).stdout

    def scratch(self):
        path = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-volume-"))
        self.addCleanup(shutil.rmtree, path)
        os.chmod(path, 0o755)
        return path

    def test_files_of_the_kernel_that_are_bound_give_it_nothing(self):
        """Bound as asked and not mapped: owner of nothing, although it is root and has every capability inside."""
        bundle = self.bundle(
            f"id -u; cat /h{ENABLED[4:]} > /dev/null && echo read;"
            f"(echo always > /h{ENABLED[4:]}) 2>/dev/null && echo WRITTEN;"
            f"chmod 666 /h{ENABLED[4:]} 2>/dev/null && echo CHANGED;"
            f"chown 0 /h{ENABLED[4:]} 2>/dev/null && echo OWNED; stat -c %u /h")
        bundle.mount("/h", "/sys", "rbind", "rw")
        if not os.path.exists(ENABLED):
            self.skipTest(f"this kernel has no {ENABLED}")
        self.assertEqual(self.seen(bundle).split(), ["0", "read", "65534"])

    def test_a_volume_that_cannot_be_mapped_is_refused_and_not_mounted_as_it_is(self):
        top = self.scratch()
        self.node.run("/bin/sh", "-c", f"mount -t tmpfs t {top} && mkdir {top}/l {top}/u {top}/w {top}/m && "
                      f"mount -t overlay -o lowerdir={top}/l,upperdir={top}/u,workdir={top}/w overlay {top}/m")
        bundle = self.bundle("true").mount("/data", top / "m", "rbind")
        self.assert_refused(self.runtime.run_container(bundle), "requires userNamespace, but ")

    def test_it_makes_no_devices(self):
        bundle = self.bundle("mknod /d c 1 3 2>/dev/null && echo MADE; mknod /data/d b 8 0 2>/dev/null && echo MADE;"
                             "chmod 600 /dev/null 2>/dev/null && echo CHANGED; echo x > /dev/null && echo works")
        bundle.mount("/data", self.scratch(), "rbind", "rw")
        self.assertEqual(self.seen(bundle).split(), ["works"])
