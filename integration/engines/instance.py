"""A private place for one engine: namespaces, directories and cgroups of its own.

    with Instance("docker") as place:
        place.run("ip", "addr")                       # a finished command, output as text
        daemon = place.start("/usr/sbin/dockerd", …)  # one that keeps running; its log in place.log

What runs in it sees the machine's files, but its own /run, its own layer over /etc and /var, its own
network (nothing leaves it), its own processes, and its own cgroup as the root of every hierarchy.
Nothing has to be undone step by step: when the holder dies, by close() or with this process, the
kernel ends everything in there, and only the cgroup directories and the scratch directory remain to
be removed. What a killed test run left of those is removed by the next one.
"""

import atexit
import ctypes
import glob
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
PREFIX = "holdfast-test-"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8", "TERM": "xterm"}


def runtime():
    """The runtime under test: $RUNTIME, else $HOLDFAST, else the release build."""
    path = (os.environ.get("RUNTIME") or os.environ.get("HOLDFAST")
            or os.path.join(REPOSITORY, "build/release/bin/holdfast"))
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"runtime {path}: build it first (./dev build), or set RUNTIME")
    return os.path.abspath(path)


def holdfastctl():
    """The holdfastctl beside the runtime under test, else the release build's."""
    beside = os.path.join(os.path.dirname(runtime()), "holdfastctl")
    return beside if os.access(beside, os.X_OK) else os.path.join(REPOSITORY, "build/release/bin/holdfastctl")


def is_holdfast():
    """Whether the runtime under test is holdfast, whose policy is tighter than what engines ask for."""
    shown = subprocess.run([runtime(), "--version"], capture_output=True, text=True, check=True)
    return shown.stdout.startswith("holdfast ")


def wait_for(condition, seconds, what):
    """Polls condition() until it is true; its last value is returned."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Result:
    """What a command gave: status, out, err; out and err without the last newline."""

    def __init__(self, argv, status, out, err):
        self.argv, self.status, self.out, self.err = argv, status, out.rstrip("\n"), err.rstrip("\n")

    def __str__(self):
        return f"{' '.join(self.argv)}\nstatus {self.status}\nstdout: {self.out}\nstderr: {self.err}"


class Instance:
    def __init__(self, name):
        self.cgroup = f"{PREFIX}{name}-{os.getpid()}"
        _sweep()
        base = os.environ.get("HOLDFAST_SCRATCH") or "/tmp"
        os.makedirs(base, exist_ok=True)
        self.scratch = tempfile.mkdtemp(prefix=f"{PREFIX}{name}-{os.getpid()}-", dir=base)
        self.environment = dict(ENVIRONMENT)
        self._daemons = []
        self._holder = self._init = None
        atexit.register(self.close)
        if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that atexit runs
        try:
            self._hold()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _hold(self):
        self._holder = subprocess.Popen(
            ["/usr/bin/python3", f"{HERE}/holder.py", self.scratch, self.cgroup],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=_die_with_parent)
        lines = sorted(self._holder.stdout.readline() for _ in range(2))
        self._holder.stdout.close()
        if lines[1] != b"ready\n":
            raise RuntimeError("the namespaces' holder did not come up; its messages are above")
        self._init = int(lines[0])
        # Those who enter join the cgroups first: entering a namespace does not move a process.
        self._joins = []
        with open(f"/proc/{self._init}/cgroup", encoding="ascii") as rows:
            for line in rows:
                _, controllers, path = line.rstrip("\n").split(":", 2)
                self._joins += _join_file(controllers, path)

    def _enter(self):
        for path in self._joins:
            fd = os.open(path, os.O_WRONLY)
            os.write(fd, b"0")
            os.close(fd)

    def _argv(self, argv):
        return ["/usr/bin/nsenter", "-t", str(self._init), "-m", "-n", "-p", "-C", "--", *argv]

    def log_path(self, name):
        return f"{self.scratch}/{name}.log"

    def run(self, *argv, stdin="", timeout=60, env=None):
        """Runs a command to its end and returns its Result; TimeoutExpired is a failure."""
        argv = [str(a) for a in argv]
        done = subprocess.run(
            self._argv(argv), input=stdin, capture_output=True, text=True, errors="replace",
            timeout=timeout, env={**self.environment, **(env or {})}, preexec_fn=self._enter, check=False)
        return Result(argv, done.returncode, done.stdout, done.stderr)

    def check(self, *argv, **kwargs):
        """run(), and a status other than 0 is an error; gives the standard output."""
        result = self.run(*argv, **kwargs)
        if result.status != 0:
            raise AssertionError(str(result))
        return result.out

    def start(self, *argv, log, env=None):
        """Starts a daemon; its output is appended to log_path(log)."""
        with open(self.log_path(log), "ab") as out:
            daemon = subprocess.Popen(
                self._argv(argv), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env={**self.environment, **(env or {})}, start_new_session=True, preexec_fn=self._enter)
        self._daemons.append(daemon)
        return daemon

    def terminal(self, *argv, keys=b"", until=b"", timeout=30, env=None):
        """Runs a command on a terminal of 30 rows and 100 columns, types `keys` once the output shows
        `until`, and returns (status, everything shown)."""
        argv = self._argv([str(a) for a in argv])
        environment = {**self.environment, **(env or {})}
        pid, master = pty.fork()
        if pid == 0:
            try:
                subprocess.run(["/usr/bin/stty", "rows", "30", "cols", "100"], check=True)
                self._enter()
                os.execve(argv[0], argv, environment)
            finally:
                os._exit(125)
        shown, typed, deadline = b"", False, time.monotonic() + timeout
        try:
            while True:
                if not typed and until in shown:
                    os.write(master, keys)
                    typed = True
                if not select.select([master], [], [], max(0, deadline - time.monotonic()))[0]:
                    os.kill(pid, signal.SIGKILL)
                    raise TimeoutError(f"{' '.join(argv)}: no end within {timeout} s; it showed {shown!r}")
                try:
                    part = os.read(master, 65536)
                except OSError:  # EIO: the other side is closed
                    part = b""
                if not part:
                    break
                shown += part
        finally:
            os.close(master)
            _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status), shown.decode(errors="replace")

    def install(self, engine, *options, identity=()):
        """Makes the runtime under test `engine`'s default, the way users do."""
        return self.check(*identity, holdfastctl(), "install", engine, "--default", "--runtime-path", runtime(), *options)

    def outside(self, path):
        """How this process reaches a path of the instance."""
        return f"/proc/{self._init}/root{path}"

    def read(self, path):
        """A file as seen inside, without the last newline."""
        with open(self.outside(path), encoding="utf-8", errors="replace") as source:
            return source.read().rstrip("\n")

    def write(self, path, text, mode=0o644):
        inside = self.outside(path)
        os.makedirs(os.path.dirname(inside), exist_ok=True)
        with open(inside, "w", encoding="utf-8") as target:
            target.write(text)
        os.chmod(inside, mode)

    def cgroup_value(self, pid, v1, v2):
        """A limit of the cgroup that process `pid` (as seen inside) is in: `v1` is "controller/file",
        `v2` a file of the unified hierarchy."""
        controller, name = v1.split("/")
        paths = {}  # as this process sees them, so the files are those of its own /sys
        for line in self.read(f"/proc/{pid}/cgroup").splitlines():
            _, controllers, path = line.split(":", 2)
            for each in controllers.split(","):
                paths[each] = path
        if controller in paths:
            path = f"/sys/fs/cgroup/{controller}{paths[controller]}/{name}"
        else:
            path = f"/sys/fs/cgroup{paths['']}/{v2}"
        with open(path, encoding="ascii") as source:
            return source.read().strip()

    def log_tail(self, name, lines=25):
        with open(self.log_path(name), encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-lines:])

    def close(self):
        atexit.unregister(self.close)
        if self._holder is not None:
            self._holder.kill()
            self._holder.wait()
            self._holder = None
            # the namespaces' init dies with its parent, and everything in there with it
            wait_for(lambda: self._init is None or not os.path.exists(f"/proc/{self._init}"), 20, "the end of the instance")
        for daemon in self._daemons:
            daemon.wait()
        self._daemons = []
        _remove_cgroups(self.cgroup)
        if os.environ.get("HOLDFAST_KEEP"):
            print(f"kept: {self.scratch}", file=sys.stderr)
        else:
            shutil.rmtree(self.scratch)


def _join_file(controllers, path):
    """The file to write to for joining `path` of that hierarchy; a thread of its own is cheaper to move
    on v1, where cgroup.procs waits for a grace period."""
    if not controllers:
        tops = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        return [f"{t}{path}/cgroup.procs" for t in tops if os.path.exists(f"{t}/cgroup.controllers")][:1]
    name = controllers.removeprefix("name=")
    return [f"/sys/fs/cgroup/{name}{path}/tasks"]


def _remove_cgroups(name):
    for top in glob.glob(f"/sys/fs/cgroup/{name}") + glob.glob(f"/sys/fs/cgroup/*/{name}"):
        for directory, _, _ in os.walk(top, topdown=False):
            # a process that was just killed may hold it for another moment
            wait_for(lambda d=directory: _gone(d), 10, f"removing cgroup {directory}")


def _gone(directory):
    try:
        os.rmdir(directory)
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


def _sweep():
    """Removes what test runs left that were killed."""
    base = os.environ.get("HOLDFAST_SCRATCH") or "/tmp"
    for pattern in (f"{base}/{PREFIX}*", f"/sys/fs/cgroup/{PREFIX}*", f"/sys/fs/cgroup/*/{PREFIX}*"):
        for path in glob.glob(pattern):
            parts = os.path.basename(path).removeprefix(PREFIX).split("-")
            owner = next((p for p in parts if p.isdigit()), None)
            if owner is None or os.path.exists(f"/proc/{owner}"):
                continue
            if path.startswith("/sys/fs/cgroup/"):
                _remove_cgroups(os.path.basename(path))
            else:
                shutil.rmtree(path, ignore_errors=True)
