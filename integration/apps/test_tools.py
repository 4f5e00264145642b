"""Tools: debuggers on running processes, ping, building with packages of one's own."""

import unittest

from apps import images
from apps.case import Application, docker, set_default_runtime, set_policy

PROGRAM = """#include <pthread.h>
#include <stdio.h>
static void* answer(void* given) { *(int*)given = 42; return 0; }
int main(void) { int n = 0; pthread_t t; pthread_create(&t, 0, answer, &n); pthread_join(t, 0); printf("%d\\n", n); return 0; }
"""
MAKEFILE = "main: main.c\n\tgcc -O2 -Wall -Werror -pthread -o main main.c\n"
DOCKERFILE = """FROM {base}
ENV DEBIAN_FRONTEND=noninteractive
RUN {install} {packages} && rm -rf /var/lib/apt/lists/*
COPY main.c Makefile /src/
RUN cd /src && make && ./main >/answer
RUN useradd builder && chown -R builder: /src && su builder -c 'cd /src && touch main.c && make'
CMD ["/src/main"]
"""


class Debuggers(Application, unittest.TestCase):
    """gdb and strace by exec: attached to a running process, and starting one."""

    image = "debug"
    command = ("sh", "-c", "while :; do sleep 0.2; done")
    # Of a container with a Landlock domain each exec is a sibling, which sees no process of the container.
    needs = {"restricted": ("capabilities:SYS_PTRACE", "nestedContainers")}
    breaks = {"restricted": "(?i)ptrace: Operation not permitted"}
    asks = {"restricted": ("--cap-add", "SYS_PTRACE")}

    def work(self, container):
        shown = container.check("gdb", "-p", "1", "-batch", "-nx", "-ex", "bt", "-ex", "info registers rip pc", "-ex", "detach")
        self.assertRegex(shown, r"#0 +0x|#0 .* \(\)")
        self.assertIn("detached", shown)
        shown = container.check("gdb", "-batch", "-nx", "-ex", "run", "--args", "/bin/echo", "debugged")
        self.assertIn("debugged", shown)
        self.assertIn("exited normally", shown)
        shown = container.run("timeout", "-s", "INT", "1", "strace", "-f", "-p", "1")
        self.assertRegex(shown.err, r"wait4|clone|vfork")
        self.assertIn("attached", shown.err)
        shown = container.run("strace", "-f", "-e", "trace=execve", "sh", "-c", "/bin/echo traced; /bin/true")
        self.assertEqual(shown.out, "traced")
        self.assertEqual(shown.err.count("execve("), 3)


class Ping(Application, unittest.TestCase):
    """Debian's ping, with the file capability cap_net_raw+ep."""

    image = "ping"

    def work(self, container):
        self.assertIn("2 received", container.sh(f"sh -c 'ping -c 2 -i 0.2 -W 2 {images.GATEWAY}'"))
        for user in ("root", "nobody"):
            for address in ("127.0.0.1", images.GATEWAY):
                shown = container.check("ping", "-c", "2", "-i", "0.2", "-W", "2", address, user=user)
                self.assertIn("2 received", shown)


class PingSetUid(Ping):
    """ping, set-uid, as root and as a user."""

    image = "ping-setuid"


class PingPlain(Ping):
    """ping without the file capability (`setcap -r`), as root and as a user."""

    image = "ping-plain"


class PingReplaced(Application, unittest.TestCase):
    """Debian's ping, replaced by `dpkg` while the container runs."""

    image = "ping"
    needs = {"baseline": ("capabilities:NET_RAW",),
             "restricted": tuple(f"capabilities:{name}" for name in
                                 ("CHOWN", "DAC_OVERRIDE", "FOWNER", "NET_RAW", "SETFCAP", "SETGID", "SETUID"))}
    breaks = {"baseline": "unable to make backup link of './bin/ping'", "restricted": "(?i)operation not permitted"}

    def work(self, container):
        images.serve_packages(docker())
        container.sh("apt-get -q update && apt-get -q install -y --reinstall iputils-ping")

    def test_baseline_without_the_capability_from_the_start(self):
        set_policy("baseline")
        self.assertIsNone(self.attempt(options=("--cap-drop", "NET_RAW")))


class Build(Application, unittest.TestCase):
    """`docker build`: apt-get install of gcc and make, a compilation, as root and as a user."""

    needs = {"restricted": tuple(f"capabilities:{name}" for name in ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETGID", "SETUID"))}
    breaks = {"restricted": "(?i)operation not permitted|permission denied"}

    def attempt(self, runtime="holdfast", options=()):
        engine = docker()
        images.serve_packages(engine)
        engine.place.write("/var/build/Dockerfile", DOCKERFILE.format(
            base=images.load(engine, "base"), install=images.INSTALL, packages=images.BUILD_PACKAGES))
        engine.place.write("/var/build/main.c", PROGRAM)
        engine.place.write("/var/build/Makefile", MAKEFILE)
        set_default_runtime(runtime)
        try:
            # BuildKit, the other builder, runs runc whatever the daemon's default runtime is.
            result = engine("build", "--no-cache", "--force-rm", "-t", "built:1", "/var/build", timeout=900,
                            env={"DOCKER_BUILDKIT": "0"})
            if result.status != 0:
                return f"{result.out[-3000:]}\n{result.err[-1000:]}"
            shown = engine.check("run", "--rm", "built:1"), engine.check("run", "--rm", "built:1", "cat", "/answer")
            return None if shown == ("42", "42") else f"the program says {shown}"
        finally:
            set_default_runtime("holdfast")
            engine("rmi", "-f", "built:1")
