#!/usr/bin/python3
"""Runs the integration tests: run.py [SUITE...] [-k PATTERN] [-v]

A suite is a directory beside this file that holds test_*.py: cli, escape, supervise, engines, apps, guest. Without one
all of them run. The last line is "N passed, N failed, N skipped"; the exit status is 0 only if none failed.
"""

import argparse
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


class Result(unittest.TextTestResult):
    """One line a test: what it was, how it ended, how long it took."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.passed = 0

    def startTest(self, test):
        self.started = time.monotonic()
        unittest.TestResult.startTest(self, test)

    def _line(self, word, test, detail=""):
        seconds = time.monotonic() - self.started
        self.stream.writeln(f"{word:4} {test.id()} ({seconds:.1f} s){detail}")
        self.stream.flush()

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.passed += 1
        self._line("ok", test)

    def addFailure(self, test, err):
        unittest.TestResult.addFailure(self, test, err)
        self._line("FAIL", test, "\n" + self.failures[-1][1])

    def addError(self, test, err):
        unittest.TestResult.addError(self, test, err)
        self.started = getattr(self, "started", time.monotonic())
        self._line("FAIL", test, "\n" + self.errors[-1][1])

    def addSkip(self, test, reason):
        unittest.TestResult.addSkip(self, test, reason)
        self.started = getattr(self, "started", time.monotonic())
        self._line("skip", test, f": {reason}")

    def addSubTest(self, test, subtest, err):
        unittest.TestResult.addSubTest(self, test, subtest, err)
        if err:
            self._line("FAIL", subtest, "\n" + (self.failures or self.errors)[-1][1])

    def printErrors(self):
        """Already told."""


def suites():
    return sorted(path.name for path in HERE.iterdir() if any(path.glob("test_*.py")))


def load(names, pattern):
    loader = unittest.TestLoader()
    if pattern:
        loader.testNamePatterns = [f"*{each}*" for each in pattern]
    return unittest.TestSuite(
        loader.discover(str(HERE / name), top_level_dir=str(HERE)) for name in names)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(suites()))
    parser.add_argument("-k", action="append", metavar="PATTERN", help="only tests named so")
    options = parser.parse_args()
    unknown = set(options.suites) - set(suites())
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Result, verbosity=0).run(
        load(options.suites or suites(), options.k))
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    print(f"{result.passed} passed, {failed} failed, {len(result.skipped)} skipped")
    return 1 if failed or result.testsRun == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
