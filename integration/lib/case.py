"""The test case that most suites derive from: a runtime, and a check that nothing is left behind."""

import os
import unittest

from lib.leaks import Leaks, assert_no_leaks
from lib.runtime import Runtime


class RuntimeCase(unittest.TestCase):
    """self.runtime is fresh for each test; afterwards nothing may be left on the host."""

    maxDiff = None

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("needs root: it makes containers")
        self.runtime = Runtime()
        self.before = Leaks.snapshot(self.runtime)
        self.addCleanup(self._finish)

    def _finish(self):
        # A test may have put the runtime on a node of its own, which is gone by now.
        self.runtime.prefix = []
        self.runtime.delete_all()
        try:
            assert_no_leaks(self, self.runtime, self.before)
        finally:
            self.runtime.close()

    def assert_ok(self, result):
        self.assertEqual(result.returncode, 0, f"{result.stdout}{result.stderr}")
        return result

    def assert_refused(self, result, text):
        """A failed call that says `text` in one line."""
        self.assertNotEqual(result.returncode, 0, f"{result.stdout}{result.stderr}")
        self.assertIn(text, result.stderr)
