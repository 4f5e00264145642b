"""Debian's containerd, for `ctr` and for its CRI socket, in an Instance of its own.

    with Containerd() as containerd:
        containerd.check("run", "--rm", *containerd.runtime_options, containerd.image, "c1", "true")
"""

from engines.images import BUSYBOX, PAUSE, archive
from engines.instance import Instance, runtime, wait_for

CLIENT = "/usr/bin/ctr"
SOCKET = "/run/containerd/containerd.sock"

CONFIG = """
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # a sandbox's score of -998 needs CAP_SYS_RESOURCE
  restrict_oom_score_adj = true
  disable_tcp_service = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
"""

NETWORK = """
{"cniVersion": "0.4.0", "name": "test", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "ipam": {"type": "host-local",
   "ranges": [[{"subnet": "10.77.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
"""


class Containerd:
    image = BUSYBOX

    def __init__(self, namespace="default", name="containerd"):
        self.place = Instance(name)
        self.namespace = namespace
        self.runtime_options = ("--runtime", "io.containerd.runc.v2", "--runc-binary", runtime())
        try:
            self.place.write("/etc/containerd/config.toml", CONFIG.format(pause=PAUSE))
            self.place.install("containerd")
            self.place.write("/etc/cni/net.d/10-test.conflist", NETWORK)
            daemon = self.place.start("/usr/bin/containerd", log="containerd")
            def answers():
                if daemon.poll() is not None:
                    raise RuntimeError(f"containerd ended:\n{self.place.log_tail('containerd')}")
                return self("version", timeout=20).status == 0
            wait_for(answers, 60, "containerd")
            self.check("images", "import", archive(self.place.scratch))
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _argv(self, args):
        return (CLIENT, "-n", self.namespace, *args)

    def __call__(self, *args, **kwargs):
        return self.place.run(*self._argv(args), **kwargs)

    def check(self, *args, **kwargs):
        return self.place.check(*self._argv(args), **kwargs)

    def terminal(self, *args, **kwargs):
        return self.place.terminal(*self._argv(args), **kwargs)

    def close(self):
        self.place.close()
