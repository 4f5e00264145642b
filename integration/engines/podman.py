"""Debian's podman with the runtime under test, rootful, in an Instance of its own.

    with Podman() as podman:
        podman("run", "--rm", podman.image, "true")   # Result
"""

from engines.images import BUSYBOX, archive
from engines.instance import Instance

CLIENT = "/usr/bin/podman"

_CONTAINERS_CONF = """
[containers]
# podman's own defaults are beyond the hard limits of a root that lacks CAP_SYS_RESOURCE
default_ulimits = ["nofile=1024:1024", "nproc={processes}:{processes}"]
{network}
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
# nothing is pulled here
pull_policy = "never"
[network]
network_backend = "cni"
"""


STORAGE_CONF = """
[storage]
driver = "{}"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
"""


def containers_conf(processes, network=None):
    return _CONTAINERS_CONF.format(processes=processes, network=f'netns = "{network}"' if network else "")


class Podman:
    identity = ()  # what a command begins with to run as the engine's user
    image = BUSYBOX

    def __init__(self, name="podman", storage=None):
        self.place = Instance(name)
        self._storage = storage  # the driver; None: podman's own choice
        try:
            self.prepare()
            self.check("load", "-q", "-i", archive(self.place.scratch), timeout=120)
        except BaseException:
            self.close()
            raise

    def prepare(self):
        self.default_network(None)
        if self._storage:
            self.place.write("/etc/containers/storage.conf", STORAGE_CONF.format(self._storage))
            # what a build binds: /var is an overlay
            self.place.environment["TMPDIR"] = f"{self.place.scratch}/tmp"
            self.place.check("/bin/mkdir", "-p", f"{self.place.scratch}/tmp")
        self.place.install("podman")

    def default_network(self, kind):
        """Of containers that ask for none in particular; None: podman's own choice."""
        self.place.write("/etc/containers/containers.conf", containers_conf(32768, kind))

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
