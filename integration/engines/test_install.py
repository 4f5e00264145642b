"""holdfastctl install and uninstall, with the engines that read what it writes."""

import json
import re
import shlex
import unittest

from engines.containerd import CONFIG
from engines.docker import Docker
from engines.images import PAUSE
from engines.instance import Instance, holdfastctl, is_holdfast, runtime
from engines.podman import Podman

NET_RAW = 1 << 13  # Docker gives it, the policy does not
UNIT = "/etc/systemd/system/docker.service.d/50-holdfast.conf"
SNAPSHOT = ("cd / && find etc/docker etc/containerd etc/containers etc/crio etc/systemd/system var/lib/holdfast -exec stat -c '%n %F %a %u:%g' {} + "
            "-type f -exec sha256sum {} + 2>/dev/null | grep -v '^etc/docker/key.json'; true")


def snapshot(place):
    """Every file of the engines' configuration and of our records: kind, mode, owner, content."""
    return place.check("/bin/sh", "-c", SNAPSHOT)


class InstallTest(unittest.TestCase):
    def setUp(self):
        if not is_holdfast():
            self.skipTest("it is holdfast that is installed")

    def uninstall(self, place, engine, identity=()):
        return place.check(*identity, holdfastctl(), "uninstall", engine)

    def test_docker_starts_with_it_and_is_given_its_file_back(self):
        with Docker() as docker:
            place = docker.place
            self.assertEqual(docker.check("info", "--format", "{{.DefaultRuntime}}"), "holdfast")
            docker.check("run", "-d", "--name", "web", docker.image, "sleep", "1000")
            warned = place.check(holdfastctl(), "uninstall", "docker", "--dry-run")
            self.assertIn("1 of docker's containers were made by holdfast", warned)
            docker.check("rm", "-f", "web")
            installed = place.read("/etc/docker/daemon.json")
            self.uninstall(place, "docker")
            before = json.loads(place.read("/etc/docker/daemon.json"))
            self.assertNotIn("runtimes", before)
            self.assertIn("storage-driver", before)
            docker.stop_daemon()
            docker.start_daemon()
            self.assertEqual(docker.check("info", "--format", "{{.DefaultRuntime}}"), "runc")
            # beside the engine's own: chosen by name
            place.check(holdfastctl(), "install", "docker", "--runtime-path", runtime())
            self.assertNotEqual(place.read("/etc/docker/daemon.json"), installed)
            place.check("/bin/kill", "-HUP", place.read("/run/docker.pid"))  # systemctl reload docker
            self.assertEqual(docker.check("run", "--rm", "--runtime", "holdfast", docker.image, "echo", "ran"), "ran")
            self.assertEqual(docker.check("info", "--format", "{{.DefaultRuntime}}"), "runc")

    def test_files_are_what_they_were_byte_by_byte(self):
        with Instance("install") as place:
            odd = '{ "debug":false,\n\n     "registry-mirrors" : [ ] }'
            place.write("/etc/docker/daemon.json", odd, mode=0o600)
            place.write("/etc/containerd/config.toml", CONFIG.format(pause=PAUSE).rstrip("\n"))  # no newline at its end
            place.check("/bin/rm", "-rf", "/etc/containers/containers.conf.d", "/etc/crio", "/var/lib/holdfast/install")
            before = snapshot(place)
            for engine in ("docker", "docker-build", "containerd", "podman", "crio"):
                shown = place.install(engine)
                self.assertIn("+++ /etc/", shown)
                self.assertIn("nothing to change", place.install(engine))
                self.assertIn("nothing was changed", place.check(holdfastctl(), "uninstall", engine, "--dry-run"))
            self.assertNotEqual(snapshot(place), before)
            for engine in ("docker", "docker-build", "containerd", "podman", "crio"):
                self.assertIn("-", self.uninstall(place, engine))
                self.assertIn("nothing to change", self.uninstall(place, engine))
            self.assertEqual(snapshot(place), before)
            self.assertEqual(place.read("/etc/docker/daemon.json"), odd)

    def test_docker_build_is_held_to_the_policy(self):
        with Docker() as docker:
            place = docker.place
            place.write("/var/build/Dockerfile",
                        f"FROM {docker.image}\nRUN grep -E '^(CapEff|Seccomp_filters):' /proc/self/status\n")

            def build():
                told = place.run("/usr/bin/docker", "build", "--progress=plain", "--no-cache", "/var/build", timeout=120,
                                 env={"DOCKER_BUILDKIT": "1"})
                self.assertEqual(told.status, 0, str(told))
                return dict(re.findall(r"(CapEff|Seccomp_filters):\s+([0-9a-f]+)", told.err))

            runc = build()
            self.assertEqual(docker.check("info", "--format", "{{.DefaultRuntime}}"), "holdfast")
            self.assertTrue(int(runc["CapEff"], 16) & NET_RAW, "BuildKit runs what it has been told: the fact has changed")
            self.assertIn("holdfastctl install docker-build", place.check(
                holdfastctl(), "install", "docker", "--runtime-path", runtime(), "--dry-run"))
            place.check(holdfastctl(), "install", "docker-build", "--runtime-path", runtime())
            self.assertNotIn("docker-build", place.check(
                holdfastctl(), "install", "docker", "--runtime-path", runtime(), "--dry-run"))
            before = dict(place.environment)
            docker.stop_daemon()
            self.as_systemd_would(place, UNIT)
            docker.start_daemon()
            held = build()
            self.assertFalse(int(held["CapEff"], 16) & NET_RAW)
            self.assertEqual(int(held["Seccomp_filters"]), int(runc["Seccomp_filters"]) + 1)
            place.environment = before
            self.uninstall(place, "docker-build")
            self.assertNotEqual(place.run("/bin/test", "-e", UNIT).status, 0)

    def as_systemd_would(self, place, unit):
        """Starts what follows in the environment that a unit's drop-in gives, after the commands that it gives."""
        for line in place.read(unit).splitlines():
            name, _, value = line.partition("=")
            words = shlex.split(value)
            if name == "Environment":
                place.environment.update(dict(word.split("=", 1) for word in words))
            elif name == "RuntimeDirectory":
                place.check("/bin/mkdir", "-m", "755", f"/run/{value}")
            elif name == "ExecStartPre":
                place.check(*words)

    def test_systemd_takes_docker_build_s_drop_in(self):
        with Instance("install") as place:
            self.assertIn("+++ " + UNIT, place.check(holdfastctl(), "install", "docker-build", "--runtime-path", runtime()))
            told = place.run("/usr/bin/systemd-analyze", "verify", "docker.service")
            self.assertNotIn("50-holdfast.conf", told.out + told.err)
            place.check("/bin/sh", "-c", f"echo 'Environmen=x' >> {UNIT}")
            told = place.run("/usr/bin/systemd-analyze", "verify", "docker.service")
            self.assertIn("50-holdfast.conf", told.out + told.err)

    def test_containerd_keeps_its_other_settings(self):
        with Instance("install") as place:
            place.write("/etc/containerd/config.toml", CONFIG.format(pause=PAUSE))
            before = place.check("/usr/bin/containerd", "config", "dump")
            place.install("containerd")
            shown = place.check("/usr/bin/containerd", "config", "dump")
            self.assertIn('default_runtime_name = "holdfast"', shown)
            self.assertIn(f'BinaryName = "{runtime()}"', shown)
            self.assertIn(f'sandbox_image = "{PAUSE}"', shown)
            self.assertIn('bin_dir = "/usr/lib/cni"', shown)
            self.uninstall(place, "containerd")
            self.assertEqual(place.check("/usr/bin/containerd", "config", "dump"), before)

    def test_an_imported_file_would_lose_containerd_s_settings(self):
        """Why it is not done so (docs/adr/0120): a plugin's imported section takes the place of the main file's."""
        with Instance("install") as place:
            place.write("/etc/containerd/config.toml",
                        CONFIG.format(pause=PAUSE).replace("version = 2", 'version = 2\nimports = ["/etc/containerd/d/*.toml"]'))
            place.write("/etc/containerd/d/holdfast.toml", 'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes'
                        '.holdfast]\n  runtime_type = "io.containerd.runc.v2"\n')
            shown = place.check("/usr/bin/containerd", "config", "dump")
            self.assertIn("runtimes.holdfast]", shown)
            self.assertNotIn(f'sandbox_image = "{PAUSE}"', shown)

    def test_podman_takes_it_and_forgets_it(self):
        with Podman("install") as podman:
            name = ("info", "--format", "{{.Host.OCIRuntime.Name}}")
            self.assertEqual(podman.check(*name), "holdfast")
            self.assertEqual(podman.check("run", "--rm", podman.image, "echo", "ran"), "ran")
            self.uninstall(podman.place, "podman")
            self.assertNotEqual(podman.check(*name), "holdfast")
            podman.place.check(holdfastctl(), "install", "podman", "--runtime-path", runtime())
            self.assertNotEqual(podman.check(*name), "holdfast")
            self.assertEqual(podman.check("--runtime", "holdfast", "run", "--rm", podman.image, "echo", "ran"), "ran")
