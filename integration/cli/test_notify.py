"""NOTIFY_SOCKET: a container's READY=1, and nothing else of it, reaches the service manager."""

import os
import pathlib
import select
import shutil
import socket
import subprocess
import tempfile
import time

from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.node import Node
from lib.runtime import HOLDFAST, new_id

SEND = pathlib.Path(HOLDFAST).with_name("notify_send")
# What a service may say, and an attacker would.
HOSTILE = ["MAINPID=1", "READY=1x", "FDSTORE=1\\nFDNAME=a", "STOPPING=1\\nERRNO=1", "*60000", "",
           "fd:FDSTORE=1"]


class Manager:
    """The socket of a service manager, as systemd's is: it takes a barrier's descriptor and closes it."""

    def __init__(self, path=None):
        self.directory = tempfile.mkdtemp(prefix="holdfast-notify-")
        self.path = path or f"{self.directory}/socket"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path.replace("@", "\0", 1))
        self.environment = {**os.environ, "NOTIFY_SOCKET": self.path}

    def messages(self, seconds):
        """What came, but for barriers, until one has come or the time is over."""
        end, got = time.monotonic() + seconds, []
        while not got and select.select([self.socket], [], [], max(0, end - time.monotonic()))[0]:
            data, descriptors, _, _ = socket.recv_fds(self.socket, 4096, 4)
            for each in descriptors:
                os.close(each)
            if data != b"BARRIER=1":
                got.append(data.decode())
        return got

    def close(self):
        self.socket.close()
        shutil.rmtree(self.directory)


class Notify(RuntimeCase):
    def setUp(self):
        super().setUp()
        self.manager = Manager()
        self.addCleanup(self.manager.close)

    def bundle(self, script, **options):
        bundle = Bundle(["sh", "-c", script], **options)
        self.addCleanup(bundle.remove)
        shutil.copy(SEND, bundle.rootfs / "bin/notify_send")
        return bundle

    def created(self, script, **options):
        bundle, container = self.bundle(script, **options), new_id()
        result = self.runtime.create(bundle, container, env=self.manager.environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        return bundle, container

    def start(self, container, env=None):
        """A `start` that may take its time."""
        process = subprocess.Popen(
            self.runtime.argv("start", container), env=env or self.manager.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def started_and_told(self, process):
        """The one message, once the starter has gone."""
        got = self.manager.messages(30)
        self.assertEqual(len(got), 1, got)
        # The barrier is read only now, if the starter waits for it at all.
        self.assertEqual(self.manager.messages(0.1), [])
        self.assertEqual(process.wait(30), 0)
        self.assertEqual(self.manager.messages(0), [])
        return got[0].splitlines()

    def test_start_waits_for_the_container_to_be_ready_and_names_its_process(self):
        bundle, container = self.created(
            "mkfifo /tmp/go; echo here; read x </tmp/go; notify_send READY=1; sleep 1000")
        starter = self.start(container)
        out = bundle.path / "stdout"
        while out.read_text() != "here\n":
            time.sleep(0.01)
        self.assertEqual(self.manager.messages(0.3), [])
        self.assertIsNone(starter.poll())
        # Neither `state` nor `exec` waits for it.
        self.assertEqual(self.runtime.state(container)["status"], "running")
        self.runtime.ok("exec", container, "sh", "-c", "echo >/tmp/go")
        pid = self.runtime.state(container)["pid"]
        self.assertEqual(self.started_and_told(starter), ["READY=1", f"MAINPID={pid}"])

    def test_run_tells_it_and_stays_the_main_process(self):
        bundle = self.bundle("notify_send READY=1; sleep 0.3; exit 7")
        process = subprocess.Popen(
            self.runtime.argv("run", "--bundle", bundle.path, new_id()),
            env=self.manager.environment, stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.assertEqual(self.manager.messages(30), [f"READY=1\nMAINPID={process.pid}\n"])
        self.assertEqual(process.wait(30), 7)
        self.assertEqual(self.manager.messages(0), [])

    def test_a_detached_run_waits_as_start_does(self):
        bundle, container = self.bundle("sleep 0.3; notify_send READY=1; sleep 1000"), new_id()
        process = subprocess.Popen(
            self.runtime.argv("run", "--detach", "--bundle", bundle.path, container),
            env=self.manager.environment, stdin=subprocess.DEVNULL)
        lines = self.started_and_told(process)
        self.assertEqual(lines, ["READY=1", f"MAINPID={self.runtime.state(container)['pid']}"])

    def test_a_container_that_ends_without_being_ready_is_no_readiness(self):
        _, container = self.created("notify_send STATUS=trying; exit 1")
        starter = self.start(container)
        _, err = starter.communicate(timeout=30)
        self.assertEqual((starter.returncode, err), (0, ""))
        self.assertEqual(self.manager.messages(0.2), [])

    def test_being_ready_and_ending_at_once_is_told(self):
        _, container = self.created("notify_send READY=1")
        lines = self.started_and_told(self.start(container))
        self.assertEqual(lines[0], "READY=1")

    def test_nothing_that_the_container_chooses_is_passed_on(self):
        hostile = " ".join(f"'{each}'" for each in HOSTILE)
        _, container = self.created(
            f"notify_send {hostile} 'STATUS=x\\nREADY=1\\nMAINPID=1\\nFDSTORE=1'; sleep 1000")
        pid = self.runtime.state(container)["pid"]
        self.assertEqual(self.started_and_told(self.start(container)),
                         ["READY=1", f"MAINPID={pid}"])

    def test_a_flood_of_messages_keeps_nobody_from_ending_the_container(self):
        bundle, container = self.bundle("while :; do notify_send A=1 B=1 C=1 '*4000'; done"), new_id()
        process = subprocess.Popen(
            self.runtime.argv("run", "--bundle", bundle.path, container),
            env=self.manager.environment, stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        while not os.path.exists(f"{self.runtime.root}/{container}/state.json"):
            time.sleep(0.01)
        self.runtime.wait_status(container, "running")
        time.sleep(0.3)
        self.runtime.call("kill", container, "KILL")
        self.assertEqual(process.wait(30), 128 + 9)
        self.assertEqual(self.manager.messages(0), [])

    def test_after_the_first_nobody_listens(self):
        bundle, container = self.created(
            "notify_send READY=1; while notify_send READY=1 2>/dev/null; do :; done; echo over; sleep 1000")
        self.started_and_told(self.start(container))
        out = bundle.path / "stdout"
        end = time.monotonic() + 30
        while out.read_text() != "over\n":
            self.assertLess(time.monotonic(), end, "its messages are still taken")
            time.sleep(0.01)
        self.assertEqual(self.manager.messages(0), [])

    def test_the_container_sees_a_socket_that_it_can_only_send_to(self):
        bundle, container = self.created(
            "ls -l /run/notify | grep -c ^s; grep ' /run/notify ' /proc/self/mountinfo | cut -d' ' -f6;"
            "touch /run/notify/x 2>&1; rm /run/notify/notify.sock 2>&1; echo $NOTIFY_SOCKET;"
            "notify_send READY=1; sleep 1000")
        self.started_and_told(self.start(container))
        shown = (bundle.path / "stdout").read_text().splitlines()
        self.assertEqual(shown[0], "1")
        self.assertTrue({"ro", "nosuid", "nodev", "noexec"} <= set(shown[1].split(",")), shown[1])
        self.assertIn("Read-only file system", shown[2])
        self.assertIn("Read-only file system", shown[3])
        self.assertEqual(shown[4], "/run/notify/notify.sock")

    def test_a_link_in_the_image_leads_the_mount_nowhere_else(self):
        bundle, container = self.bundle("notify_send READY=1; sleep 1000"), new_id()
        victim = tempfile.mkdtemp(prefix="holdfast-victim-")
        self.addCleanup(shutil.rmtree, victim)
        (bundle.rootfs / "run").rmdir()
        os.symlink(f"/../../../../..{victim}", bundle.rootfs / "run")
        result = self.runtime.create(bundle, container, env=self.manager.environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.started_and_told(self.start(container))
        self.assertEqual(os.listdir(victim), [])

    def test_any_user_of_any_container_reaches_it(self):
        for user, edit in ((1000, None), (0, self.in_a_user_namespace)):
            with self.subTest(user=user):
                bundle, container = self.bundle("notify_send READY=1; sleep 1000", user=user), new_id()
                if edit:
                    edit(bundle)
                old = os.umask(0o077)
                self.addCleanup(os.umask, old)
                result = self.runtime.create(bundle, container, env=self.manager.environment)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(self.started_and_told(self.start(container))[0], "READY=1")

    @staticmethod
    def in_a_user_namespace(bundle):
        for kind in ("uidMappings", "gidMappings"):
            bundle.linux[kind] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
        bundle.linux["namespaces"].append({"type": "user"})
        subprocess.run(["chown", "-R", "100000:100000", bundle.rootfs], check=True)
        bundle.write()

    def test_under_the_restricted_profile_and_a_namespace_of_its_own(self):
        profiles = {"own": {"extends": "baseline", "userNamespace": "require"}}
        for profile in ("restricted", "own"):
            with self.subTest(profile=profile), Node({"profile": profile}, profiles=profiles) as node:
                self.runtime.prefix = node.prefix
                _, container = self.created("notify_send READY=1; sleep 1000")
                self.assertEqual(self.started_and_told(self.start(container))[0], "READY=1")
                self.runtime.ok("delete", "--force", container)

    def test_an_abstract_socket_of_the_manager_s(self):
        self.manager = Manager(f"@holdfast-test-{os.getpid()}")
        self.addCleanup(self.manager.close)
        _, container = self.created("notify_send READY=1; sleep 1000")
        self.assertEqual(self.started_and_told(self.start(container))[0], "READY=1")

    def test_a_manager_that_is_not_there_is_an_error_before_the_start(self):
        _, container = self.created("notify_send READY=1; sleep 1000")
        env = {**os.environ, "NOTIFY_SOCKET": f"{self.manager.directory}/gone"}
        self.assert_refused(self.runtime.call("start", container, env=env), "NOTIFY_SOCKET: connect")
        self.assertEqual(self.runtime.state(container)["status"], "created")
        self.assertEqual(self.started_and_told(self.start(container))[0], "READY=1")

    def test_what_is_no_socket_is_refused(self):
        bundle = self.bundle("true")
        for odd in ("socket", "vsock:2:1", "/" + 200 * "x"):
            env = {**os.environ, "NOTIFY_SOCKET": odd}
            result = self.runtime.create(bundle, new_id(), env=env)
            self.assert_refused(result, "NOTIFY_SOCKET: ")
        self.assertEqual(os.listdir(self.runtime.root), [])

    def test_without_it_there_is_nothing_of_it(self):
        env = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
        bundle = self.bundle("echo [$NOTIFY_SOCKET]; test -e /run/notify && echo there; sleep 1000")
        container = new_id()
        self.assertEqual(self.runtime.create(bundle, container, env=env).returncode, 0)
        # A starter with a manager of its own does not wait for what the container was not given.
        self.runtime.ok("start", container, env=self.manager.environment)
        out = bundle.path / "stdout"
        while out.read_text() != "[]\n":
            time.sleep(0.01)
        self.assertFalse(os.path.exists(f"{self.runtime.root}/{container}/notify"))

    def test_a_killed_starter_leaves_nothing_that_delete_does_not_remove(self):
        _, container = self.created("sleep 1000")
        starter = self.start(container)
        self.runtime.wait_status(container, "running")
        self.assertTrue(os.path.exists(f"{self.runtime.root}/{container}/notify/notify.sock"))
        starter.kill()
        starter.wait()
        self.runtime.ok("delete", "--force", container)
        self.assertEqual(os.listdir(self.runtime.root), [])
