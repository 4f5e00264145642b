"""Sources of bind mounts under another name, or swapped after they were judged."""

import os
import pathlib
import shutil
import subprocess
import time

from escape.attack_case import AttackCase
from lib.runtime import TIMEOUT, new_id

# What an engine keeps, under a name of somebody else's.
ALIAS = """
set -e
mount --bind /run/holdfast "$1"
shift
exec "$@"
"""


class Sources(AttackCase):
    def binding(self, source):
        bundle = self.bundle("sh", "-c", "ls /volume; cat /volume/secret")
        bundle.config["mounts"].append({"destination": "/volume", "type": "bind", "source": str(source),
                                        "options": ["rbind"]})
        return bundle.write()

    def test_a_second_name_of_an_engine_s_directory_is_refused(self):
        """By device and inode: the path says nothing."""
        pathlib.Path("/run/holdfast").mkdir(mode=0o700, exist_ok=True)
        alias = self.outside / "alias"
        alias.mkdir()
        bundle = self.binding(alias)
        self.runtime.prefix = ["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c",
                               ALIAS, "sh", str(alias)]
        result = self.runtime.run_container(bundle)
        self.assert_refused(result, f"binds {alias} [HF-C021")
        self.runtime.prefix = []
        # The directory itself, without what was mounted on it, is nobody's.
        shutil.copy(self.outside / "secret", alias)
        self.assertEqual(self.runtime.run_container(bundle).stdout, "secret\nsecret\n")

    def swapped(self, swap, seconds=2):
        """A container whose volume is exchanged once the runtime has looked at it: the clone of the mount is
        held up until that has been done."""
        volume = self.outside / "volume"
        volume.mkdir()
        (volume / "secret").write_text("mine\n")
        bundle = self.binding(volume)
        container = new_id("swap")
        out = open(bundle.path / "out", "w+")
        self.addCleanup(out.close)
        process = subprocess.Popen(
            [shutil.which("strace"), "-f", "-qq", "-o", "/dev/null", "-e",
             f"inject=open_tree:delay_enter={int(seconds * 1e6)}", *self.runtime.argv("run", "-b", bundle.path, container)],
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        # The state directory is made when all is decided.
        end = time.monotonic() + TIMEOUT
        while not os.path.isdir(f"{self.runtime.root}/{container}"):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.005)
        swap(volume)
        status = process.wait(TIMEOUT)
        out.seek(0)
        return subprocess.CompletedProcess([], status, "", out.read())

    def test_a_volume_that_becomes_a_link_to_a_denied_directory_is_refused(self):
        def swap(volume):
            volume.rename(volume.with_name("old"))
            volume.symlink_to("/var/lib")

        result = self.swapped(swap)
        self.assert_refused(result, "is not the file any more that was judged")
        self.assertNotIn("dpkg", result.stderr)

    def test_a_volume_that_stays_is_mounted(self):
        """What the delay itself does: nothing."""
        result = self.swapped(lambda volume: None, seconds=0.05)
        self.assertIn("mine", result.stderr)
