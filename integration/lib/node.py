"""A node with a policy: a private mount namespace with an /etc/holdfast of its own.

    with Node({"profile": "restricted"}) as node:             # what holds for every container: "default"
        runtime = Runtime(prefix=node.prefix)
    with Node({"rules": [...], "exceptions": [...]}, profiles={"web": {"extends": "baseline"}}) as node:
        node.run("mv", "/etc/holdfast/policy.d", "/etc/holdfast/old")

A policy or profile that is a text is written as it is; of one that is not, what goes without saying
(apiVersion, name) is added.
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
rm -rf /etc/holdfast
cp -r "$1.files" /etc/holdfast
chmod -R u=rwX,go=rX /etc/holdfast
chown -R 0:0 /etc/holdfast
chmod "$2" /etc/holdfast/policy.d/10-node.json
chown "$3" /etc/holdfast/policy.d/10-node.json
echo ready
exec sleep infinity
"""
DEFAULT = ("profile", "mode", "deny")


def policy_text(policy):
    if isinstance(policy, str):
        return policy
    whole = {"apiVersion": "holdfast/v1"}
    default = {key: policy[key] for key in DEFAULT if key in policy}
    if default:
        whole["default"] = default
    return json.dumps(whole | {key: value for key, value in policy.items() if key not in DEFAULT})


def profile_text(name, profile):
    return profile if isinstance(profile, str) else json.dumps({"name": name} | profile)


class Node:
    def __init__(self, policy, mode="644", owner="0:0", profiles=None):
        self.files = {"policy.d/10-node.json": policy_text(policy)}
        for name, profile in (profiles or {}).items():
            self.files[f"profiles/{name}.json"] = profile_text(name, profile)
        self.mode, self.owner = mode, owner

    @property
    def prefix(self):
        """What a command line begins with to run on this node."""
        return ["/usr/bin/nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--"]

    def run(self, *command, **options):
        return subprocess.run([*self.prefix, *map(str, command)], check=True, text=True, **options)

    def write(self, path, text, directory="/etc/holdfast"):
        """A file of the node's; as an editor writes it, not by rename."""
        self.run("/bin/sh", "-c", 'mkdir -p "$(dirname "$1")" && cat > "$1"', "sh",
                 f"{directory}/{path}", input=text)

    def __enter__(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-node-"))
        source = pathlib.Path(f"{self.scratch}.files")
        for path, text in self.files.items():
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).write_text(text)
        self.holder = subprocess.Popen(
            ["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", SETUP, "sh",
             self.scratch, self.mode, self.owner],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        ready = self.holder.stdout.readline() == "ready\n"
        shutil.rmtree(source)
        if not ready:
            raise AssertionError("the node's /etc could not be made")
        return self

    def __exit__(self, *_):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()
        shutil.rmtree(self.scratch, ignore_errors=True)
        assert not os.path.ismount(self.scratch)
