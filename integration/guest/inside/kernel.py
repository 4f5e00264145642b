"""The C++ tests of the sandbox (kernel_tests), as far as they can run in this boot: all that are asked for must."""

import os
import pathlib
import re
import subprocess

PROGRAM = pathlib.Path(os.environ["HOLDFAST"]).parent / "kernel_tests"


def run(case, wanted, without=()):
    """Runs the tests that `wanted` names, patterns of Google Test; a failure or a skip fails `case`."""
    selection = ":".join(wanted) + ("-" + ":".join(without) if without else "")
    done = subprocess.run([PROGRAM, f"--gtest_filter={selection}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=600, check=False)
    passed = re.search(r"^\[  PASSED  \] (\d+) test", done.stdout, re.M)
    if done.returncode != 0 or "[  SKIPPED ]" in done.stdout or not passed or passed[1] == "0":
        case.fail(f"kernel_tests: {done.returncode}\n{done.stdout}")
    print(f"kernel_tests: {passed[1]} passed")
