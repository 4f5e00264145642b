"""The runtime under test, called as an engine calls it.

    runtime = Runtime()                      # build/release/bin/holdfast, or $HOLDFAST
    with Bundle(["sh", "-c", "echo hi"]) as bundle:
        result = runtime.run_container(bundle)
        assert result.returncode == 0 and result.stdout == "hi\n"
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import uuid

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
HOLDFAST = os.environ.get("HOLDFAST", str(REPOSITORY / "build/release/bin/holdfast"))
# Far above what any single call takes on a loaded machine: reaching it means a hang.
TIMEOUT = 120


class Runtime:
    """One state root, and calls of the runtime with it."""

    def __init__(self, binary=HOLDFAST, root=None, global_args=(), prefix=()):
        self.binary = binary
        self.prefix = list(prefix)
        self.root = root or tempfile.mkdtemp(prefix="holdfast-root-")
        os.chmod(self.root, 0o700)
        self.global_args = list(global_args)

    def argv(self, *args):
        return [*self.prefix, self.binary, "--root", self.root, *self.global_args, *map(str, args)]

    def call(self, *args, stdin=None, timeout=TIMEOUT, **options):
        """The CompletedProcess of one call, text captured."""
        if stdin is None:
            options.setdefault("stdin", subprocess.DEVNULL)
        else:
            options["input"] = stdin
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        return subprocess.run(self.argv(*args), text=True, errors="replace", timeout=timeout,
                              check=False, **options)

    def ok(self, *args, **options):
        """The same, which must succeed."""
        result = self.call(*args, **options)
        if result.returncode != 0:
            raise AssertionError(f"{args}: exit {result.returncode}\n{result.stdout}{result.stderr}")
        return result

    def create(self, bundle, container, *flags, **options):
        """`create`; the container's output goes to files, as an engine's would."""
        out = open(bundle.path / "stdout", "wb")
        err = open(bundle.path / "stderr", "wb")
        with out, err:
            result = self.call("create", "--bundle", bundle.path, *flags, container, stdout=out,
                               stderr=err, **options)
        result.stderr = (bundle.path / "stderr").read_text(errors="replace")
        return result

    def run_container(self, bundle, *flags, container=None, **options):
        """Foreground `run`, gone afterwards."""
        return self.call("run", "--bundle", bundle.path, *flags, container or new_id(), **options)

    def state(self, container):
        return json.loads(self.ok("state", container).stdout)

    def wait_status(self, container, status, seconds=30):
        end = time.monotonic() + seconds
        while True:
            now = self.state(container)["status"]
            if now == status:
                return
            if time.monotonic() > end:
                raise AssertionError(f"{container} is {now}, not {status}")
            time.sleep(0.01)

    def delete_all(self):
        for container in sorted(os.listdir(self.root)):
            if not container.startswith("."):
                self.call("delete", "--force", container)

    def close(self):
        self.delete_all()
        shutil.rmtree(self.root, ignore_errors=True)


def new_id(prefix="t"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"
