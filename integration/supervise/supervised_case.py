"""The case of supervised containers: a node whose profile watches, with an audit log of its own."""

import json
import os
import pathlib
import shutil
import subprocess
import time

from lib.bundle import BUSYBOX, Bundle
from lib.case import RuntimeCase
from lib.node import Node
from lib.runtime import HOLDFAST, Runtime, new_id

HOLDFASTCTL = pathlib.Path(HOLDFAST).resolve().parent / "holdfastctl"
DRIFT = {"exec": {"drift": "deny"}}
IMAGE = {"exec": {"programs": ["image"], "drift": "deny"}}


def alive(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rsplit(")", 1)[1].split()[0] != "Z"


class SupervisedCase(RuntimeCase):
    def node(self, **profile):
        """All containers of self.runtime are held to this from now on."""
        node = Node({"profile": "watched"}, profiles={"watched": {"extends": "baseline"} | profile})
        node.__enter__()
        self.addCleanup(node.__exit__)
        # The machine's own log is none of ours.
        node.run("mount", "-t", "tmpfs", "tmpfs", "/var/log")
        self.runtime.prefix = node.prefix
        self.on_node = node
        return node

    def bundle(self, *args, **options):
        bundle = Bundle(args or ("sleep", "1000"), **options)
        self.addCleanup(bundle.remove)
        return bundle

    def running(self, *args, bundle=None):
        bundle, container = bundle or self.bundle(*args), new_id()
        result = self.runtime.create(bundle, container)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.runtime.ok("start", container)
        return bundle, container

    def state(self, container):
        return json.loads((pathlib.Path(self.runtime.root) / container / "state.json").read_text())

    def supervisors(self, container):
        """(keeper, supervisor)"""
        return [each["pid"] for each in self.state(container)["supervisors"]]

    def events(self, **wanted):
        """What the audit log holds of our containers, oldest first; `wanted`: rule, ..."""
        result = subprocess.run([*self.on_node.prefix, "cat", "/var/log/holdfast/audit.jsonl"],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        return [event for event in map(json.loads, result.stdout.splitlines())
                if all(self.rule_of(event) == value for value in wanted.values())]

    @staticmethod
    def rule_of(event):
        return event["metadata"]["event_code"]

    def wait_event(self, rule, seconds=10):
        return self.wait(lambda: self.events(rule=rule), f"an event {rule}", seconds)

    def wait(self, condition, what, seconds=10):
        end = time.monotonic() + seconds
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() > end:
                self.fail(f"no {what} within {seconds} s: {self.events()}")
            time.sleep(0.01)

    def ctl(self, *args):
        return subprocess.run([*self.on_node.prefix, str(HOLDFASTCTL), *args], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, check=False)

    def ctl_on(self, verb, container):
        return self.ctl(verb, "--root", self.runtime.root, container)

    def run_script(self, script, bundle=None):
        """Output of a container whose shell runs this; /busybox-like programs are the image's."""
        bundle = bundle or self.bundle()
        bundle.process["args"] = ["sh", "-c", script]
        return self.runtime.run_container(bundle.write())


def add_program(bundle, path, source=BUSYBOX, extra=b"\n"):
    """A program of the image: another file than the shell's."""
    target = bundle.rootfs / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    with open(target, "ab") as file:
        file.write(extra)
    os.chmod(target, 0o755)
    return target


def library_closure(program):
    """A dynamic program's loader and libraries."""
    listed = subprocess.run(["/usr/bin/ldd", program], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    return [word for line in listed.splitlines() for word in line.split() if word.startswith("/")]
