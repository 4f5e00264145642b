"""What a test left behind on the host: mounts, cgroups, processes, state.

    before = Leaks.snapshot(runtime)
    ...
    self.assertEqual(Leaks.snapshot(runtime).added_since(before), [])
"""

import atexit
import os
import pathlib
import re
import time

from lib.bundle import CGROUP_PARENT

CGROUP_ROOT = pathlib.Path("/sys/fs/cgroup")
MARKS = (CGROUP_PARENT + "/", "holdfast-root-")


def _mounts():
    mounts = pathlib.Path("/proc/self/mountinfo").read_text(errors="replace")
    paths = [line.split()[4] for line in mounts.splitlines()]
    # A guest may be built beside us.
    return {f"mount {path}" for path in paths if "/holdfast-guest/" not in path}


def cgroups_at(path):
    """Where a cgroup of this path is in each hierarchy, whether it exists or not."""
    # Version 2 alone is mounted at the top; each version 1 hierarchy, and hybrid's version 2, below.
    alone = (CGROUP_ROOT / "cgroup.procs").exists()
    tops = [CGROUP_ROOT] if alone else sorted(CGROUP_ROOT.iterdir())
    return [top / path.lstrip("/") for top in tops]


def _cgroup_parents():
    return cgroups_at(CGROUP_PARENT)


@atexit.register
def _remove_cgroup_parents():
    for parent in _cgroup_parents():
        try:
            parent.rmdir()
        except OSError:
            pass  # never made, or the leak that a test has told of


def _cgroups():
    found = set()
    for parent in _cgroup_parents():
        # The parent of the test containers stays, as it does under every runtime.
        if parent.is_dir():
            # os.walk passes over what vanishes under it.
            found.update(f"cgroup {path}" for path, _, _ in os.walk(parent) if path != str(parent))
    return found


def _processes():
    found = set()
    own_cgroups = pathlib.Path("/proc/self/cgroup").read_text()
    for entry in os.listdir("/proc"):
        if not re.fullmatch(r"\d+", entry):
            continue
        try:
            cgroups = pathlib.Path(f"/proc/{entry}/cgroup").read_text()
            command = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")[0]
            state = pathlib.Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        ours = any(mark in cgroups for mark in MARKS)
        # Not in a container's cgroup yet: one of ours, or the passing one of another test run.
        if command.endswith(b"holdfast-init") and cgroups == own_cgroups:
            ours = True
        if command == b"holdfast-supervisor":
            ours = True
        if ours and state != "Z":
            found.add(f"process {entry} {command.decode(errors='replace')}")
    return found


def _state(runtime):
    return {f"state {name}" for name in os.listdir(runtime.root) if not name.startswith(".")}


class Leaks:
    """A set of what exists now."""

    def __init__(self, found):
        self.found = found

    @staticmethod
    def snapshot(runtime):
        return Leaks(_mounts() | _cgroups() | _processes() | _state(runtime))

    def added_since(self, before):
        return sorted(self.found - before.found)


def assert_no_leaks(test, runtime, before, seconds=5):
    """Fails `test` unless everything is as it was; processes get a moment to end."""
    end = time.monotonic() + seconds
    while True:
        added = Leaks.snapshot(runtime).added_since(before)
        if not added:
            return
        if time.monotonic() > end:
            test.fail("left behind: " + "; ".join(added))
        time.sleep(0.05)
