"""A node with a policy: a private mount namespace whose /etc/holdfast/policy.json is the given text.

    with Node({"profile": "restricted"}) as node:
        runtime = Runtime(prefix=node.prefix)
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

# An overlay, because /etc/holdfast need not exist and the machine's own /etc must not be touched.
SETUP = """
set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work"
mount -t overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" overlay /etc
mkdir -p /etc/holdfast
chmod 755 /etc/holdfast
cat > /etc/holdfast/policy.json
chmod "$2" /etc/holdfast/policy.json
chown "$3" /etc/holdfast/policy.json
echo ready
exec sleep infinity
"""


class Node:
    def __init__(self, policy, mode="644", owner="0:0"):
        self.text = policy if isinstance(policy, str) else json.dumps(policy)
        self.mode, self.owner = mode, owner

    @property
    def prefix(self):
        """What a command line begins with to run on this node."""
        return ["/usr/bin/nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--"]

    def __enter__(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-node-"))
        self.holder = subprocess.Popen(
            ["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", SETUP, "sh",
             self.scratch, self.mode, self.owner],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.holder.stdin.write(self.text)
        self.holder.stdin.close()
        if self.holder.stdout.readline() != "ready\n":
            raise AssertionError("the node's /etc could not be made")
        return self

    def __exit__(self, *_):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()
        shutil.rmtree(self.scratch, ignore_errors=True)
        assert not os.path.ismount(self.scratch)
