"""Containers in user namespaces: their own, or one that stands already as a pod's does."""

import os

from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.runtime import new_id

MAPPING = [{"containerID": 0, "hostID": 100000, "size": 65536}]
SHOW = "id -u; cat /proc/self/uid_map; grep -E '^(0:|.*memory)' /proc/self/cgroup"


class UserNamespaces(RuntimeCase):
    def bundle(self, *args, joined="", own_cgroup_namespace=False):
        bundle = Bundle(args)
        self.addCleanup(bundle.remove)
        for directory, _, files in os.walk(bundle.rootfs):
            for path in (directory, *(os.path.join(directory, name) for name in files)):
                os.chown(path, 100000, 100000, follow_symlinks=False)
        if joined:
            bundle.linux["namespaces"].append({"type": "user", "path": joined})
        else:
            bundle.linux["namespaces"].append({"type": "user"})
            bundle.linux.update({"uidMappings": MAPPING, "gidMappings": MAPPING})
        if own_cgroup_namespace:
            bundle.linux["namespaces"].append({"type": "cgroup"})
        return bundle.write()

    def running(self, bundle):
        container = new_id()
        self.assert_ok(self.runtime.create(bundle, container))
        self.runtime.ok("start", container)
        return container

    def assert_inside(self, shown, bundle):
        """As the namespace's root, and in the bundle's cgroup in each hierarchy."""
        uid, mapping, *cgroups = shown.splitlines()
        self.assertEqual((uid, mapping.split()), ("0", ["0", "100000", "65536"]))
        self.assertTrue(cgroups)
        for line in cgroups:
            self.assertEqual(line.split(":", 2)[2], bundle.linux["cgroupsPath"], shown)

    def test_an_exec_is_in_the_namespace_and_in_the_cgroup(self):
        bundle = self.bundle("sleep", "1000")
        container = self.running(bundle)
        self.assert_inside(self.runtime.ok("exec", container, "sh", "-c", SHOW).stdout, bundle)

    def test_an_exec_sees_the_container_s_cgroup_namespace(self):
        for own_user_namespace in (False, True):
            if own_user_namespace:
                bundle = self.bundle("sleep", "1000", own_cgroup_namespace=True)
            else:
                bundle = Bundle(["sleep", "1000"])
                self.addCleanup(bundle.remove)
                bundle.linux["namespaces"].append({"type": "cgroup"})
                bundle.write()
            container = self.running(bundle)
            shown = self.runtime.ok("exec", container, "cat", "/proc/self/cgroup").stdout
            self.assertEqual({line.split(":", 2)[2] for line in shown.splitlines()}, {"/"}, shown)
            pid = self.runtime.state(container)["pid"]
            for kind in ("cgroup", "user", "pid", "mnt"):
                self.assertEqual(
                    self.runtime.ok("exec", container, "readlink", f"/proc/self/ns/{kind}").stdout.strip(),
                    os.readlink(f"/proc/{pid}/ns/{kind}"))

    def test_a_container_joins_the_namespaces_of_another(self):
        first = self.running(self.bundle("sleep", "1000", own_cgroup_namespace=True))
        pid = self.runtime.state(first)["pid"]
        bundle = self.bundle("sh", "-c", SHOW, joined=f"/proc/{pid}/ns/user")
        self.assert_inside(self.assert_ok(self.runtime.run_container(bundle)).stdout, bundle)
        bundle.linux["namespaces"].append({"type": "cgroup", "path": f"/proc/{pid}/ns/cgroup"})
        bundle.process["args"] = ["readlink", "/proc/self/ns/cgroup"]
        shown = self.assert_ok(self.runtime.run_container(bundle.write())).stdout
        self.assertEqual(shown.strip(), os.readlink(f"/proc/{pid}/ns/cgroup"))
