"""The case of the application tests: docker, a policy of the node, an application that works or does not.

    class Redis(Application, unittest.TestCase):
        image, command = "redis", ("redis-server",)
        needs = {"restricted": ("capabilities:SETUID",)}   # found by running it; docs/compatibility.md lists it
        breaks = {"restricted": "operation not permitted"}  # what is seen without these
        def work(self, server):
            self.assertEqual(server.check("redis-cli", "ping"), "PONG")

Each application is run under every profile as it is. Where it needs exceptions it must fail without them,
as told, and work with them; where it needs none it must work. What fails is tried under runc as well.
"""

import itertools
import json
import subprocess

from apps import images
from engines.docker import Docker
from engines.instance import wait_for
from lib.node import policy_text
from lib.runtime import REPOSITORY

POLICY = "/etc/holdfast/policy.d/10-node.json"
PROFILES = ("baseline", "restricted")
_number = itertools.count()
_docker = None


def docker():
    """One daemon for all applications, in an instance of its own that ends with this process."""
    global _docker
    if _docker is None:
        _docker = Docker()
        _docker.place.write(POLICY, policy_text({}))
    return _docker


def set_policy(profile, exceptions=()):
    docker().place.write(POLICY, policy_text({
        "profile": profile,
        "exceptions": [{"name": name, "match": {"engine": "docker"}, "allow": [name],
                        "reason": "a test of this application"} for name in exceptions]}))


def set_default_runtime(name):
    """What builds run under: dockerd has no option for one build."""
    place = docker().place
    settings = json.loads(place.read("/etc/docker/daemon.json"))
    place.write("/etc/docker/daemon.json", json.dumps({**settings, "default-runtime": name}))
    place.check("/bin/kill", "-HUP", place.read("/run/docker.pid"))
    wait_for(lambda: docker().check("info", "-f", "{{.DefaultRuntime}}") == name, 20, "the default runtime")


class Container:
    """A running container; removed at the end of the `with` block."""

    def __init__(self, image, *command, runtime="holdfast", options=()):
        self.engine, self.name = docker(), f"app{next(_number)}"
        self.engine.check("run", "-d", "--runtime", runtime, "--name", self.name, *options,
                          images.load(self.engine, image), *command, timeout=120)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.engine("rm", "-f", self.name)

    def run(self, *argv, user=None, **options):
        """A command by exec; its Result."""
        options.setdefault("timeout", 120)
        return self.engine("exec", "-i", *(("-u", user) if user else ()), self.name, *argv, **options)

    def check(self, *argv, user=None, **options):
        """The same, which must succeed; its output."""
        result = self.run(*argv, user=user, **options)
        if result.status != 0:
            raise AssertionError(f"{result}\nlog of the container:\n{self.log()}")
        return result.out

    def sh(self, script, **options):
        return self.check("sh", "-ec", script, **options)

    def write(self, path, text):
        self.check("sh", "-c", 'cat >"$1"', "sh", path, stdin=text)

    def log(self):
        result = self.engine("logs", "--tail", "20", self.name)
        return f"{result.out}\n{result.err}"

    @property
    def address(self):
        return self.engine.inspect(self.name, "{{.NetworkSettings.IPAddress}}")

    def until(self, condition, what, seconds=60):
        """Waits for condition(); a container that ended meanwhile is told with its log."""
        def met():
            if self.engine.inspect(self.name, "{{.State.Running}}") != "true":
                raise AssertionError(f"the container ended:\n{self.log()}")
            return condition()
        try:
            return wait_for(met, seconds, what)
        except TimeoutError as error:
            raise AssertionError(f"{error}\nlog of the container:\n{self.log()}") from error

    def fetch(self, port, path="/"):
        """(status, body) of an HTTP request from outside; status 0 if nobody answers."""
        script = ("import sys, urllib.request as r, urllib.error\n"
                  "try: a = r.urlopen(sys.argv[1], timeout=5); print(a.status, a.read().decode())\n"
                  "except urllib.error.HTTPError as e: print(e.code)\n"
                  "except OSError: print(0)\n")
        shown = self.engine.place.check("/usr/bin/python3", "-c", script,
                                        f"http://{self.address}:{port}{path}").split(" ", 1)
        return int(shown[0]), shown[1] if len(shown) > 1 else ""

    def stop(self, signal="TERM"):
        """Ends its first process by a signal; its exit status."""
        self.engine.check("kill", "--signal", signal, self.name)
        return int(self.engine.check("wait", self.name, timeout=60))


class Application:
    """Beside unittest.TestCase."""

    image = ""
    command = ("sleep", "infinity")
    options = ()
    needs = {}
    breaks = {}
    # Options of `docker run` that go with the exceptions: what they let through must be asked for.
    asks = {}

    def work(self, container):
        raise NotImplementedError

    def attempt(self, runtime="holdfast", options=()):
        """None if it works, else what went wrong."""
        try:
            with Container(self.image, *self.command, runtime=runtime,
                           options=(*self.options, *options)) as container:
                self.work(container)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            return str(error)
        return None

    def attempt_under_runc(self):
        return self.attempt(runtime="runc")

    def _works(self, profile, exceptions):
        set_policy(profile, exceptions)
        failure = self.attempt(options=self.asks.get(profile, ()) if exceptions else ())
        if failure is not None:
            self.fail(f"under {profile}: {failure}\nunder runc: {self.attempt_under_runc() or 'works'}")

    def _holds(self, profile):
        exceptions = self.needs.get(profile, ())
        if exceptions:
            set_policy(profile)
            failure = self.attempt()
            self.assertIsNotNone(failure, f"it works under {profile} without {exceptions}: say so")
            self.assertRegex(failure, self.breaks[profile])
        self._works(profile, exceptions)

    def test_baseline(self):
        self._holds("baseline")

    def test_restricted(self):
        self._holds("restricted")

    def test_documentation(self):
        """docs/compatibility.md says of each application what it needs."""
        page = (REPOSITORY / "docs/compatibility.md").read_text()
        self.assertIn(self.documented(), page)

    @classmethod
    def documented(cls):
        def cell(profile):
            names = cls.needs.get(profile)
            if not names:
                return "works"
            asked = " ".join(cls.asks.get(profile, ()))
            return "needs " + ", ".join(f"`{name}`" for name in names) + (f", and `{asked}`" if asked else "")
        return f"| {cls.__doc__.strip().rstrip('.')} | {cell('baseline')} | {cell('restricted')} |"
