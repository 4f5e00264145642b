"""Debian's podman with the runtime under test, rootful, in an Instance of its own.

    with Podman() as podman:
        podman("run", "--rm", podman.image, "true")   # Result
"""

from engines.images import BUSYBOX, archive
from engines.instance import Instance

CLIENT = "/usr/bin/podman"

CONTAINERS_CONF = """
[containers]
# podman's own defaults are beyond the hard limits of a root that lacks CAP_SYS_RESOURCE
default_ulimits = ["nofile=1024:1024", "nproc={processes}:{processes}"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
# nothing is pulled here
pull_policy = "never"
[network]
network_backend = "cni"
"""


class Podman:
    identity = ()  # what a command begins with to run as the engine's user
    image = BUSYBOX

    def __init__(self, name="podman"):
        self.place = Instance(name)
        try:
            self.prepare()
            self.check("load", "-q", "-i", archive(self.place.scratch), timeout=120)
        except BaseException:
            self.close()
            raise

    def prepare(self):
        self.place.write("/etc/containers/containers.conf", CONTAINERS_CONF.format(processes=32768))
        self.place.install("podman")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def argv(self, args):
        return (*self.identity, CLIENT, *args)

    def __call__(self, *args, **kwargs):
        return self.place.run(*self.argv(args), **kwargs)

    def check(self, *args, **kwargs):
        return self.place.check(*self.argv(args), **kwargs)

    def terminal(self, *args, **kwargs):
        return self.place.terminal(*self.argv(args), **kwargs)

    def inspect(self, container, template):
        return self.check("inspect", "-f", template, container)

    def pid(self, container):
        return int(self.inspect(container, "{{.State.Pid}}"))

    def close(self):
        self.place.close()
