"""Debian's dockerd with the runtime under test as its default runtime, in an Instance of its own.

    with Docker() as docker:
        docker("run", "--rm", IMAGE, "true")          # Result
        docker.check("pull", …)                       # its output; a failure is an AssertionError
"""

import json

from engines.images import archive
from engines.instance import Instance, wait_for

CLIENT = "/usr/bin/docker"


class Docker:
    identity = ()  # what a command begins with to run as the engine's user
    image = "holdfast-test/busybox:1"

    def __init__(self, storage="overlay2", name="docker"):
        self.place = Instance(name)
        try:
            self.place.write("/etc/docker/daemon.json", json.dumps({
                "exec-opts": ["native.cgroupdriver=cgroupfs"], "storage-driver": storage,
                # lowering the score needs CAP_SYS_RESOURCE
                "oom-score-adjust": 0, "live-restore": True, "bip": "10.88.0.1/24"}))
            self.place.install("docker")
            self.start_daemon()
            self.check("load", "-i", archive(self.place.scratch))
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def start_daemon(self):
        self._daemon = self.place.start("/usr/sbin/dockerd", log="dockerd")
        def answers():
            if self._daemon.poll() is not None:
                raise RuntimeError(f"dockerd ended:\n{self.place.log_tail('dockerd')}")
            return self("version", timeout=20).status == 0
        wait_for(answers, 60, "dockerd")

    def stop_daemon(self):
        """Ends dockerd alone, as `systemctl stop docker` does; with live-restore containers live on."""
        pid = self.place.read("/run/docker.pid")
        self.place.check("/bin/kill", "-TERM", pid)
        self._daemon.wait(30)

    def __call__(self, *args, **kwargs):
        return self.place.run(CLIENT, *args, **kwargs)

    def check(self, *args, **kwargs):
        return self.place.check(CLIENT, *args, **kwargs)

    def terminal(self, *args, **kwargs):
        return self.place.terminal(CLIENT, *args, **kwargs)

    def inspect(self, container, template):
        return self.check("inspect", "-f", template, container)

    def pid(self, container):
        return int(self.inspect(container, "{{.State.Pid}}"))

    def close(self):
        self.place.close()
