"""What an attacker inside gets done: each action under runc with Docker's defaults, under baseline, and
under restricted, next to what it must come to (expected_actions.py). The table is printed."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest

from escape.attack_case import AttackCase
from escape.docker_default import ACTIONS, USER, DockerDefault
from escape.expected_actions import Either, markdown, rows
from lib.leaks import Leaks, assert_no_leaks
from lib.node import Node
from lib.runtime import HOLDFAST, REPOSITORY, Runtime

# Column: the node's policy, the runtime.
COLUMNS = {
    "runc": ({}, "/usr/sbin/runc"),
    "baseline": ({"profile": "baseline"}, HOLDFAST),
    "restricted": ({"profile": "restricted"}, HOLDFAST),
}
# What a row's container asks for.
ASKED = {
    "root": lambda bundle: bundle,
    "user": lambda bundle: bundle,
    "unconfined": DockerDefault.without_filter,
    "sys-admin": lambda bundle: bundle.with_capability("CAP_SYS_ADMIN"),
    "sys-module": lambda bundle: bundle.with_capability("CAP_SYS_MODULE"),
    "engine-socket": lambda bundle: bundle.with_bind("/run/docker.sock", "/var/run/docker.sock"),
    "host-root": lambda bundle: bundle.with_bind("/", "/host"),
    "host-etc": lambda bundle: bundle.with_bind("/etc", "/host-etc"),
    "host-usr": lambda bundle: bundle.with_bind("/usr", "/host-usr"),
    "host-pids": DockerDefault.with_host_processes,
    "mdwe": lambda bundle: bundle,
}
# Containers whose node has a profile of its own, narrower than the column's.
OWN_PROFILES = {"mdwe": {"mdwe": "require"}}
# The engine's socket stands in a /run of the node's own.
OWN_RUN = "mount -t tmpfs tmpfs /run && touch /run/docker.sock && mount --bind \"$1\" /run/docker.sock"


class Engine:
    """A socket that obeys whoever may connect to it."""

    def __init__(self, directory):
        self.path = pathlib.Path(directory) / "docker.sock"
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self.path))
        self.listener.listen()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                if client.recv(64) == b"attack\n":
                    client.sendall(b"obeyed\n")

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()


class Column:
    """One runtime with one policy, and what the actions came to."""

    def __init__(self, name, outside, engine):
        self.outside, self.engine, self.name = outside, engine, name
        self.policy, self.binary = COLUMNS[name]

    def outcomes(self, test):
        """{row name: outcome}"""
        found = self._on_node(test, [name for name in ASKED if name not in OWN_PROFILES], self.policy)
        for container, narrower in OWN_PROFILES.items():
            profile = {"own": {"extends": self.policy.get("profile", "baseline"), **narrower}}
            found.update(self._on_node(test, [container], {"profile": "own"}, profiles=profile))
        return found

    def _on_node(self, test, containers, policy, **files):
        with Node(policy, **files) as node:
            subprocess.run([*node.prefix, "sh", "-c", OWN_RUN, "sh", self.engine.path], check=True)
            self.runtime = Runtime(binary=self.binary, prefix=node.prefix)
            test.addCleanup(self.runtime.close)
            before = Leaks.snapshot(self.runtime)
            found = {}
            for container in containers:
                found.update(self._in_container(
                    container, [row for row in rows() if row.container == container]))
            assert_no_leaks(test, self.runtime, before)
            return found

    def _in_container(self, container, wanted):
        with DockerDefault(self.outside, user=USER if container == "user" else 0) as bundle:
            ASKED[container](bundle)
            actions = sorted({row.program for row in wanted})
            result = self.runtime.run_container(bundle.perform(*actions))
        refused = re.findall(r"\[(HF-C\d+)", result.stderr)
        if result.returncode != 0 and not refused:
            raise AssertionError(f"{self.name}, {container}: {result.stdout}{result.stderr}")
        outcomes = dict(line.split("\t") for line in result.stdout.splitlines())
        return {row.name: f"refused {' '.join(sorted(refused))}" if refused else outcomes.get(row.program)
                for row in wanted}


class Actions(AttackCase):
    def setUp(self):
        super().setUp()
        self.engine_directory = tempfile.mkdtemp(prefix="holdfast-engine-")
        self.addCleanup(shutil.rmtree, self.engine_directory)
        self.engine = Engine(self.engine_directory)
        self.addCleanup(self.engine.close)
        self.secrets = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-secret-"))
        self.addCleanup(shutil.rmtree, self.secrets)

    def test_every_action_comes_to_what_it_must(self):
        core_pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text()
        hostname = os.uname().nodename
        found = {name: Column(name, self.secrets, self.engine).outcomes(self) for name in COLUMNS}
        self._print(found)
        for row in rows():
            for name, expected in zip(COLUMNS, row.cells()):
                with self.subTest(action=row.name, column=name):
                    allowed = expected.outcomes if isinstance(expected, Either) else (expected,)
                    self.assertIn(found[name][row.name], allowed)
        self.assertEqual(pathlib.Path("/proc/sys/kernel/core_pattern").read_text(), core_pattern)
        self.assertEqual(os.uname().nodename, hostname)
        self.assert_outside_untouched()

    def test_holdfast_lets_nothing_through_that_runc_refuses(self):
        """The table itself: each column is at least as tight as the one before it."""
        for row in rows():
            with self.subTest(action=row.name):
                through = [self._lets_through(cell) for cell in row.cells()]
                self.assertEqual(through, sorted(through, reverse=True))

    def test_every_action_of_the_program_has_a_row(self):
        self.assertEqual(set(self._aims()), {row.program for row in rows()})

    def test_the_documentation_shows_this_table(self):
        if os.uname().machine != "x86_64":
            raise unittest.SkipTest("the page shows x86_64's table")
        page = (REPOSITORY / "docs/attacks.md").read_text().splitlines()
        missing = [line for line in markdown(self._aims()).splitlines() if line not in page]
        self.assertEqual(missing, [], "put the output of expected_actions.py into docs/attacks.md")

    @staticmethod
    def _lets_through(cell):
        outcomes = cell.outcomes if isinstance(cell, Either) else (cell,)
        return any(outcome.startswith(("done", "reached")) for outcome in outcomes)

    @staticmethod
    def _aims():
        listed = subprocess.run([ACTIONS, "list"], check=True, stdout=subprocess.PIPE, text=True).stdout
        return dict(line.split("\t") for line in listed.splitlines())

    @staticmethod
    def _print(found):
        width = max(len(row.name) for row in rows())
        print("\n" + " ".join(f"{word:24}" for word in (f"{'action':{width}}", *COLUMNS)).rstrip())
        for row in rows():
            cells = (f"{str(found[name][row.name]):24}" for name in COLUMNS)
            print(f"{row.name:{width}} {' '.join(cells)}".rstrip())
