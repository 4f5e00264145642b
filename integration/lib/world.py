"""The world that a container could talk to: a network namespace with addresses and servers of its own.

    with World() as world:                     # 10.9.0.1, 10.8.0.1, 8.8.8.8, 169.254.169.254, fd09::1
        bundle.linux["namespaces"] = world.joined_by(bundle)
        ...
        world.seen()                           # {"tcp 169.254.169.254:80", "udp 8.8.8.8:53"}

The servers are processes outside of the container. Addresses stand on the loopback device of the namespace:
nothing leaves the machine.
"""

import json
import os
import pathlib
import subprocess
import tempfile
import time

ADDRESSES = ("10.9.0.1/32", "10.8.0.1/32", "8.8.8.8/32", "169.254.169.254/32", "fd09::1/128")
SERVERS = (
    ("tcp", "169.254.169.254", 80), ("tcp", "10.9.0.1", 5432), ("tcp", "10.9.0.1", 22),
    ("tcp", "10.8.0.1", 4444), ("tcp", "fd09::1", 4444), ("udp", "8.8.8.8", 53),
    ("udp", "10.9.0.1", 53), ("udp", "10.8.0.1", 53),
)
SERVER = """
import json, select, socket, subprocess, sys
addresses, servers, log = json.loads(sys.argv[1])
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
for each in addresses:
    subprocess.run(["ip", "addr", "add", each, "dev", "lo"] + ["nodad"] * (":" in each), check=True)
sockets = {}
for kind, address, port in servers:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    one = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((address, port))
    if kind == "tcp":
        one.listen(50)
    sockets[one] = f"{kind} {address}:{port}"
print("ready", flush=True)
with open(log, "a", buffering=1) as out:
    while True:
        for one in select.select(list(sockets), [], [])[0]:
            out.write(sockets[one] + "\\n")
            if sockets[one].startswith("tcp"):
                peer, _ = one.accept()
                peer.sendall(b"secret\\n")
                peer.close()
            else:
                data, peer = one.recvfrom(4096)
                one.sendto(b"answer\\n", peer)
"""


class World:
    def __init__(self):
        self.log = pathlib.Path(tempfile.mkstemp(prefix="holdfast-world-")[1])

    def __enter__(self):
        arguments = json.dumps([ADDRESSES, SERVERS, str(self.log)])
        self.process = subprocess.Popen(
            ["unshare", "-n", "/usr/bin/python3", "-c", SERVER, arguments],
            stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            self.__exit__()
            raise AssertionError("the servers did not start")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.unlink()

    @property
    def namespace(self):
        return f"/proc/{self.process.pid}/ns/net"

    def joined_by(self, bundle):
        """The namespaces of the bundle, with this one for its network."""
        return [each for each in bundle.linux["namespaces"] if each["type"] != "network"] + [
            {"type": "network", "path": self.namespace}]

    def seen(self):
        """What the servers were asked since the last call."""
        # Whatever was on its way has arrived by now.
        time.sleep(0.05)
        seen = set(self.log.read_text().split("\n")) - {""}
        os.truncate(self.log, 0)
        return seen
