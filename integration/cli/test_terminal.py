"""Terminals and the descriptors that travel: console sockets, the relay, pidfd sockets, --preserve-fds."""

import fcntl
import os
import pathlib
import pty
import select
import signal
import socket
import struct
import subprocess
import termios
import time

from cli.test_lifecycle import LifecycleCase
from lib.runtime import new_id

LOOK = "tty; stty size; stat -c 'owner %u' $(tty); read line; echo got $line; read line"


def set_size(terminal, rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class TerminalCase(LifecycleCase):
    def listen(self, bundle, name="console.sock"):
        path = bundle.path / name
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.bind(str(path))
        server.listen(1)
        server.settimeout(20)
        self.addCleanup(server.close)
        return server, path

    def receive(self, server):
        """The one descriptor that comes over the socket, and the bytes with it."""
        connection, _ = server.accept()
        with connection:
            connection.settimeout(20)
            data, descriptors, _, _ = socket.recv_fds(connection, 4096, 4)
            self.assertEqual(len(descriptors), 1)
            self.addCleanup(os.close, descriptors[0])
            self.assertEqual(connection.recv(4096), b"")
        return data, descriptors[0]

    def read_until(self, terminal, text, seconds=20):
        seen, end = b"", time.monotonic() + seconds
        while text.encode() not in seen:
            ready, _, _ = select.select([terminal], [], [], max(0, end - time.monotonic()))
            self.assertTrue(ready, f"no {text!r} in {seen!r}")
            try:
                part = os.read(terminal, 4096)
            except OSError:
                part = b""
            self.assertTrue(part, f"the end, and no {text!r} in {seen!r}")
            seen += part
        return seen.decode(errors="replace").replace("\r", "")

    def terminal_bundle(self, *args, user=0):
        bundle = self.bundle(*args, user=user)
        bundle.process["terminal"] = True
        return bundle.write()

    def quiet(self, *args, **options):
        """Its stderr in a file: a container would keep a pipe open."""
        path = pathlib.Path(self.runtime.root + ".err")
        self.addCleanup(path.unlink, missing_ok=True)
        with open(path, "w") as errors:
            result = self.runtime.call(*args, stdout=subprocess.DEVNULL, stderr=errors, **options)
        self.assertEqual(result.returncode, 0, path.read_text())
        return result


class ConsoleSocket(TerminalCase):
    def test_create_sends_the_master_of_a_terminal_of_the_size_and_owner_asked(self):
        bundle, container = self.terminal_bundle("sh", "-c", LOOK, user=1000), new_id()
        bundle.process["consoleSize"] = {"height": 33, "width": 77}
        server, path = self.listen(bundle.write())
        self.quiet("create", "-b", bundle.path, "--console-socket", path, container)
        name, master = self.receive(server)
        self.assertEqual(name, b"/dev/ptmx")
        self.assertTrue(os.isatty(master))
        self.quiet("start", container)
        text = self.read_until(master, "owner 1000")
        self.assertIn("33 77\n", text)
        self.assertRegex(text, r"/dev/(pts/\d+|console)\n")
        os.write(master, b"hello\n")
        self.read_until(master, "got hello")
        # Its controlling terminal: what is typed there is a signal.
        os.write(master, b"\x03")
        self.runtime.wait_status(container, "stopped")

    def test_run_detached_sends_it_as_well(self):
        bundle, container = self.terminal_bundle("sh", "-c", LOOK), new_id()
        server, path = self.listen(bundle)
        self.quiet("run", "-d", "-b", bundle.path, "--console-socket", path, container)
        _, master = self.receive(server)
        self.read_until(master, "owner 0")

    def test_exec_sends_its_own(self):
        bundle, container = self.running()
        server, path = self.listen(bundle)
        self.quiet("exec", "-d", "-t", "-u", "1000:1000", "--console-socket", path, container, "sh",
                   "-c", "trap 'echo size $(stty size)' WINCH; echo ready; "
                   "stat -c 'owner %u' $(tty); while :; do sleep 0.05; done")
        _, master = self.receive(server)
        self.read_until(master, "owner 1000")
        set_size(master, 21, 43)
        self.read_until(master, "size 21 43")

    def test_a_path_longer_than_an_address_works(self):
        bundle, container = self.terminal_bundle("sh", "-c", LOOK), new_id()
        deep = bundle.path / ("d" * 100)
        deep.mkdir()
        here = os.open(deep, os.O_RDONLY)
        self.addCleanup(os.close, here)
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(server.close)
        server.bind(f"/proc/self/fd/{here}/console.sock")
        server.listen(1)
        server.settimeout(20)
        self.quiet("create", "-b", bundle.path, "--console-socket", deep / "console.sock", container)
        self.receive(server)

    def test_nobody_who_listens_is_one_error(self):
        bundle, container = self.terminal_bundle("true"), new_id()
        server, path = self.listen(bundle)
        server.close()
        result = self.runtime.create(bundle, container, "--console-socket", path)
        self.assert_refused(result, "console socket")
        self.assertEqual(os.listdir(self.runtime.root), [])


class Relay(TerminalCase):
    def foreground(self, *args):
        """The runtime at a terminal of its own; returns it and the other end."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        set_size(ours, 40, 100)
        before = termios.tcgetattr(ours)
        process = subprocess.Popen(self.runtime.argv(*args), stdin=theirs, stdout=theirs,
                                   stderr=theirs, start_new_session=True,
                                   preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        os.close(theirs)
        return process, ours, before

    def converse(self, process, terminal, before):
        text = self.read_until(terminal, "owner 0")
        self.assertIn("40 100\n", text)
        # Raw: the container's terminal echoes, ours does not.
        self.assertEqual(termios.tcgetattr(terminal)[3] & (termios.ECHO | termios.ICANON), 0)
        os.write(terminal, b"hello\n")
        self.read_until(terminal, "got hello")
        set_size(terminal, 10, 20)
        os.write(terminal, b"size\n")
        self.read_until(terminal, "10 20")
        os.write(terminal, b"end\n")
        self.read_until(terminal, "bye")
        self.assertEqual(process.wait(20), 7)
        self.assertEqual(termios.tcgetattr(terminal), before)

    SCRIPT = ("tty; stty size; stat -c 'owner %u' $(tty); read line; echo got $line; "
              "read line; stty size; read line; echo bye; exit 7")

    def test_run(self):
        bundle = self.terminal_bundle("sh", "-c", self.SCRIPT)
        self.converse(*self.foreground("run", "-b", bundle.path, new_id()))
        self.assertEqual(os.listdir(self.runtime.root), [])

    def test_exec(self):
        _, container = self.running()
        self.converse(*self.foreground("exec", "-t", container, "sh", "-c", self.SCRIPT))

    def test_control_c_reaches_the_program(self):
        bundle = self.terminal_bundle("sh", "-c", "trap 'echo caught; exit 3' INT; echo up; "
                                      "while :; do sleep 0.05; done")
        process, terminal, _ = self.foreground("run", "-b", bundle.path, new_id())
        self.read_until(terminal, "up")
        os.write(terminal, b"\x03")
        self.read_until(terminal, "caught")
        self.assertEqual(process.wait(20), 3)

    def test_much_output_arrives_whole(self):
        bundle = self.terminal_bundle("sh", "-c", "seq 1 20000; echo done")
        process, terminal, _ = self.foreground("run", "-b", bundle.path, new_id())
        text = self.read_until(terminal, "done")
        self.assertEqual(text.split(), [*map(str, range(1, 20001)), "done"])
        self.assertEqual(process.wait(20), 0)

    def test_a_runtime_that_is_killed_hangs_the_terminal_up(self):
        bundle, container = self.terminal_bundle(
            "sh", "-c", "trap 'exit 0' HUP; echo up; while :; do sleep 0.05; done"), new_id()
        process, terminal, _ = self.foreground("run", "-b", bundle.path, container)
        self.read_until(terminal, "up")
        process.kill()
        process.wait(20)
        self.runtime.wait_status(container, "stopped")

    def test_input_from_a_pipe_is_typed(self):
        bundle = self.terminal_bundle("sh", "-c", "read line; echo got $line")
        result = self.runtime.run_container(bundle, stdin="piped\n")
        self.assert_ok(result)
        self.assertIn("got piped", result.stdout)


class Descriptors(TerminalCase):
    def pid_of(self, pidfd):
        info = pathlib.Path(f"/proc/self/fdinfo/{pidfd}").read_text()
        return int(next(line.split()[1] for line in info.splitlines() if line.startswith("Pid:")))

    def test_a_pidfd_socket_gets_the_pidfd_of_the_process(self):
        bundle, container = self.bundle(), new_id()
        server, path = self.listen(bundle, "pidfd.sock")
        self.quiet("create", "-b", bundle.path, "--pidfd-socket", path, container)
        _, pidfd = self.receive(server)
        self.assertEqual(self.pid_of(pidfd), self.runtime.state(container)["pid"])
        self.quiet("start", container)
        self.quiet("exec", "-d", "--pidfd-socket", path, "--pid-file", bundle.path / "pid", container,
                   "sleep", "1000")
        _, further = self.receive(server)
        self.assertEqual(self.pid_of(further), int((bundle.path / "pid").read_text()))
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        self.runtime.wait_status(container, "stopped")
        self.assertTrue(select.select([pidfd, further], [], [], 20)[0])

    def through(self, *args):
        """Runs args with 3 and 4 open, of which one is to be preserved."""
        pipes = [os.pipe(), os.pipe()]
        os.set_blocking(pipes[1][0], False)
        script = f'exec 8>&{pipes[0][1]} 9>&{pipes[1][1]}; exec 3>&8 4>&9 8>&- 9>&-; exec "$@"'
        result = subprocess.run(["/bin/bash", "-c", script, "sh", *self.runtime.argv(*args)],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, timeout=60, check=False,
                                pass_fds=[pipes[0][1], pipes[1][1]])
        for _, write in pipes:
            os.close(write)
        got = [os.read(read, 100) for read, _ in pipes]
        for read, _ in pipes:
            os.close(read)
        self.assertEqual(result.returncode, 0, result.stderr)
        return got

    SCRIPT = "echo three >&3; (echo four >&4) 2>/dev/null; ls /proc/self/fd | wc -l; true"

    def test_run_passes_on_the_preserved_ones_and_no_other(self):
        bundle = self.bundle("sh", "-c", self.SCRIPT)
        got = self.through("run", "-b", bundle.path, "--preserve-fds", "1", new_id())
        self.assertEqual(got, [b"three\n", b""])

    def test_exec_passes_on_the_preserved_ones_and_no_other(self):
        _, container = self.running()
        got = self.through("exec", "--preserve-fds", "1", container, "sh", "-c", self.SCRIPT)
        self.assertEqual(got, [b"three\n", b""])


class ExecCgroup(LifecycleCase):
    def container_cgroup(self, bundle):
        path = bundle.linux["cgroupsPath"].lstrip("/")
        roots = [pathlib.Path("/sys/fs/cgroup/memory"), pathlib.Path("/sys/fs/cgroup")]
        return next(r / path for r in roots if (r / path / "cgroup.procs").exists())

    def test_a_further_process_runs_in_a_cgroup_below_the_container_s(self):
        bundle, container = self.running()
        top = self.container_cgroup(bundle)
        (top / "workers").mkdir()
        v1 = top.parts[4] == "memory"
        wanted = "memory:/workers" if v1 else "workers"
        result = self.runtime.ok("exec", "--cgroup", wanted, container, "cat", "/proc/self/cgroup")
        lines = [line.split(":", 2) for line in result.stdout.splitlines()]
        ours = [path for _, names, path in lines if names == ("memory" if v1 else "")]
        self.assertTrue(ours[0].endswith("/workers"), result.stdout)
        others = [path for _, names, path in lines if names == "pids"]
        self.assertFalse(any(path.endswith("/workers") for path in others))

    def test_one_that_leads_out_or_does_not_exist_is_refused(self):
        _, container = self.running()
        for wanted, words in (("../..", "is not allowed"), ("memory:../x", "is not allowed"),
                              ("missing", "no such file"), ("nocontroller:x", "no such controller")):
            result = self.runtime.call("exec", "--cgroup", wanted, container, "true")
            self.assertEqual(result.returncode, 255, wanted)
            self.assertIn(words, result.stderr)
