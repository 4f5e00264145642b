"""podman as a user of its own, with subordinate ids, in an Instance of its own; else like Podman.

The user, its ids and its home are in the instance's own layer over /etc and in its scratch directory: nothing is
added to the machine.
"""

import os

from engines.podman import Podman, containers_conf

USER, UID = "holdfast-test", 4242


class RootlessPodman(Podman):
    identity = ("/usr/bin/setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups")

    def __init__(self):
        super().__init__("rootless")

    def prepare(self):
        place = self.place
        home, run = f"{place.scratch}/home", f"/run/user/{UID}"
        for name, line in (("passwd", f"{USER}:x:{UID}:{UID}::{home}:/bin/sh"), ("group", f"{USER}:x:{UID}:"),
                           ("subuid", f"{USER}:500000:65536"), ("subgid", f"{USER}:500000:65536")):
            old = place.read(f"/etc/{name}") + "\n" if os.path.exists(place.outside(f"/etc/{name}")) else ""
            place.write(f"/etc/{name}", f"{old}{line}\n")
        own = f"{home}/.config/containers"
        place.write(f"{own}/containers.conf", containers_conf(1024))
        place.write(f"{own}/storage.conf", '[storage]\ndriver = "overlay"\n')
        # slirp4netns opens it, and some machines keep it from users
        place.check("/bin/sh", "-c", "rm -f /run/tun && mknod -m 666 /run/tun c 10 200 && mount --bind /run/tun /dev/net/tun")
        place.check("/bin/sh", "-c", f"mkdir -p {run} && chmod 700 {run} && chown -R {UID}:{UID} {home} {run} &&"
                    f"chmod 755 {place.scratch}")
        place.environment.update({"HOME": home, "USER": USER, "XDG_RUNTIME_DIR": run})
        place.install("podman", identity=self.identity)
