"""The case of the escape tests: bundles that hold the attacker's program, and trees outside of the image."""

import os
import pathlib
import shutil
import tempfile

from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.runtime import HOLDFAST

ATTACKS = pathlib.Path(HOLDFAST).resolve().parent / "escape_attacks"


class AttackCase(RuntimeCase):
    """self.outside is a directory of the host that no container may touch."""

    def setUp(self):
        super().setUp()
        self.outside = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-outside-"))
        (self.outside / "secret").write_text("secret\n")
        self.addCleanup(shutil.rmtree, self.outside)
        self.seen_outside = self.tree(self.outside)

    def bundle(self, *args, **options):
        bundle = Bundle(args or ("true",), **options)
        self.addCleanup(bundle.remove)
        return bundle

    def attacker(self, *args, **options):
        """A bundle whose program is the attacker's."""
        bundle = self.bundle("/attacks", *args, **options)
        shutil.copy(ATTACKS, bundle.rootfs / "attacks")
        return bundle

    @staticmethod
    def tree(path):
        """What stands below `path`: names, kinds, contents of files."""
        found = {}
        for entry in sorted(path.rglob("*")):
            if entry.is_symlink():
                found[str(entry)] = os.readlink(entry)
            elif entry.is_file():
                found[str(entry)] = entry.read_bytes()
            else:
                found[str(entry)] = "directory"
        return found

    def assert_outside_untouched(self):
        self.assertEqual(self.tree(self.outside), self.seen_outside)
