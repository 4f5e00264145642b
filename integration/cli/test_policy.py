"""The node's policy, through every door of the command line."""

import hashlib
import json
import os
import pathlib
import subprocess
import tempfile

from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.node import Node
from lib.runtime import Runtime, new_id

STATUS = "grep -E '^(Cap(Bnd|Prm|Eff)|NoNewPrivs|Seccomp):' /proc/self/status"
NET_BIND_SERVICE = 1 << 10
NET_RAW = 1 << 13
SYS_ADMIN = 1 << 21
PING = {"name": "ping", "match": {}, "allow": ["capabilities:NET_RAW"], "reason": "a test"}
FILE = "/etc/holdfast/policy.d/10-node.json"


class Policy(RuntimeCase):
    def node(self, policy, **options):
        node = Node(policy, **options)
        self.enterContext(node)
        self.runtime = Runtime(root=self.runtime.root, prefix=node.prefix)
        return node

    @staticmethod
    def status(text):
        """CapBnd and so on, as numbers."""
        return {line.split(":")[0]: int(line.split()[1], 16) for line in text.splitlines()}

    def seen(self, bundle):
        return self.status(self.assert_ok(self.runtime.run_container(bundle)).stdout)

    def test_without_a_file_baseline_applies(self):
        with Bundle(["sh", "-c", STATUS]) as bundle:
            seen = self.seen(bundle)
        self.assertEqual(seen["CapBnd"] & NET_RAW, 0)
        self.assertEqual((seen["NoNewPrivs"], seen["Seccomp"]), (0, 2))

    def test_restricted_takes_more(self):
        self.node({"profile": "restricted"})
        with Bundle(["sh", "-c", STATUS]) as bundle:
            seen = self.seen(bundle)
        self.assertEqual(seen["CapBnd"], NET_BIND_SERVICE)
        self.assertEqual((seen["NoNewPrivs"], seen["Seccomp"]), (1, 2))

    def test_off_is_a_plain_runtime(self):
        self.node({"mode": "off"})
        with Bundle(["sh", "-c", STATUS]) as bundle:
            seen = self.seen(bundle)
        self.assertEqual(seen["CapBnd"] & NET_RAW, NET_RAW)
        self.assertEqual(seen["Seccomp"], 0)

    def test_warn_applies_as_asked_and_logs(self):
        self.node({"profile": "restricted", "mode": "warn"})
        with Bundle(["sh", "-c", STATUS + "; unshare -U true && echo Unshared: 1"]) as bundle:
            bundle.capabilities("CAP_SYS_ADMIN", "CAP_NET_RAW")
            seen = self.seen(bundle)
        self.assertEqual(seen["CapBnd"], SYS_ADMIN | NET_RAW)
        self.assertEqual((seen["NoNewPrivs"], seen["Seccomp"], seen["Unshared"]), (0, 2, 1))

    def test_an_exception_opens_what_it_names_and_nothing_else(self):
        self.node({"exceptions": [PING]})
        with Bundle(["sh", "-c", STATUS]) as bundle:
            bundle.capabilities("CAP_NET_RAW", "CAP_CHOWN")
            self.assertEqual(self.seen(bundle)["CapBnd"], NET_RAW | 1)
            bundle.capabilities("CAP_SYS_ADMIN")
            self.assert_refused(self.runtime.run_container(bundle), "HF-C003")

    def test_every_violation_is_told_at_once_in_words_that_no_engine_misreads(self):
        self.node({"profile": "restricted"})
        with Bundle(["true"]) as bundle:
            bundle.capabilities("CAP_SYS_ADMIN", "CAP_SYS_MODULE")
            bundle.linux["namespaces"] = [
                each for each in bundle.linux["namespaces"] if each["type"] != "network"]
            result = self.runtime.run_container(bundle.write())
        self.assert_refused(result, "refused by policy")
        for word in ("SYS_ADMIN", "SYS_MODULE", "HF-C002", "HF-C003"):
            self.assertIn(word, result.stderr)
        for word in ("permission denied", "no such file", "executable file not found"):
            self.assertNotIn(word, result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1)

    def test_exec_is_held_to_the_policy_of_its_day(self):
        """A container that an exception let have more than today's policy gives its execs today's."""
        container = new_id()
        with Bundle(["sleep", "600"]) as bundle:
            bundle.capabilities("CAP_NET_RAW", "CAP_CHOWN")
            with Node({"exceptions": [PING]}) as old:
                then = Runtime(root=self.runtime.root, prefix=old.prefix)
                self.assert_ok(then.create(bundle, container))
                then.ok("start", container)
                seen = self.status(then.ok("exec", container, "sh", "-c", STATUS).stdout)
                self.assertEqual(seen["CapEff"], NET_RAW | 1)
            seen = self.status(self.runtime.ok("exec", container, "sh", "-c", STATUS).stdout)
            self.assertEqual(seen["CapEff"], 1)
            self.runtime.ok("delete", "--force", container)

    def test_a_bad_policy_starts_nothing_and_says_where(self):
        head = '{"apiVersion": "holdfast/v1", '
        exception = head + '"exceptions": [{"name": "x", "match": {}, '
        cases = {
            head + '"default": {"profile": "lax"}}': "1:43: default.profile: no profile is called",
            head + '"default": {"profile": 7}}': "1:43: default.profile: expected string",
            head + '"default": {"mode": "Enforce"}}': "default.mode",
            head + '"extra": 1}': "1:31: extra: unknown field",
            exception + '"allow": ["privileged"]}]}': "exceptions[0].reason: missing",
            exception + '"allow": ["all"], "reason": "x"}]}': "exceptions[0].allow[0]",
            exception + '"allow": ["ioUring"], "reason": "x", "expires": "soon"}]}': "expires",
            head + '"default": {"profile": "restricted"': ":1:",
            head + '"default": {}, "default": {}}': "duplicate key",
            '{"apiVersion": "holdfast/v9"}': "apiVersion: unknown version",
            '{"profile": "restricted"}': "profile: unknown field",
            "[]": "expected object",
            "": ":1:1:",
            head + '"rules": [' + " " * (10 << 20) + "]}": "larger than 1048576 bytes",
        }
        with Bundle(["true"]) as bundle:
            for text, word in cases.items():
                with self.subTest(text=text[:80]), Node(text) as node:
                    runtime = Runtime(root=self.runtime.root, prefix=node.prefix)
                    result = runtime.run_container(bundle)
                    self.assert_refused(result, FILE)
                    self.assertIn(word, result.stderr)
                    self.assertEqual(result.stderr.count("\n"), 1, result.stderr)

    def test_a_bad_profile_starts_nothing_and_says_where(self):
        cases = {
            "loose": ({"extends": "restricted", "privileged": "allow"}, "privileged: loosens restricted"),
            "circle": ({"extends": "circle"}, "break the circle"),
            "orphan": ({"extends": "nothing"}, "no profile is called"),
            "odd": ({"extends": "baseline", "mdwe": "perhaps"}, "mdwe: unknown value"),
            "half": ('{"name": "half", "extends": "base', "half.json:1:"),
        }
        with Bundle(["true"]) as bundle:
            for name, (profile, word) in cases.items():
                with self.subTest(name), Node({}, profiles={name: profile}) as node:
                    runtime = Runtime(root=self.runtime.root, prefix=node.prefix)
                    result = runtime.run_container(bundle)
                    self.assert_refused(result, f"/etc/holdfast/profiles/{name}.json:")
                    self.assertIn(word, result.stderr)

    def test_a_profile_of_the_nodes_narrows_what_it_extends(self):
        self.node({"profile": "web"}, profiles={"web": {
            "extends": "baseline", "capabilities": {"allow": ["CHOWN"], "onRequest": []},
            "seccomp": {"remove": ["personality"]}, "limits": {"pids": {"default": 77}}}})
        with Bundle(["sh", "-c", STATUS]) as bundle:
            bundle.capabilities("CAP_CHOWN", "CAP_KILL")
            self.assertEqual(self.seen(bundle)["CapBnd"], 1)
            bundle.capabilities("CAP_NET_ADMIN")
            self.assert_refused(self.runtime.run_container(bundle), "profile web")

    def test_a_security_module_that_the_host_lacks_is_refused_where_it_is_required(self):
        for control, module, sign in (("appArmor", "AppArmor", "/sys/module/apparmor"), ("seLinux", "SELinux", "/sys/fs/selinux")):
            with self.subTest(control):
                if os.path.exists(sign):
                    self.skipTest(f"this kernel has {module}")
                self.node({"profile": "hard"}, profiles={"hard": {"extends": "baseline", control: "require"}})
                with Bundle(["true"]) as bundle:
                    self.assert_refused(self.runtime.run_container(bundle), f"requires {control}, but this kernel has no {module}")
                # baseline says "auto": told in the plan, and nothing more
                self.node({"profile": "baseline"})
                with Bundle(["true"]) as bundle:
                    self.assert_ok(self.runtime.run_container(bundle))

    def test_audit_changes_nothing(self):
        self.node({"profile": "restricted", "mode": "audit"})
        with Bundle(["sh", "-c", STATUS]) as bundle:
            bundle.capabilities("CAP_SYS_ADMIN", "CAP_NET_RAW")
            seen = self.seen(bundle)
        self.assertEqual((seen["CapBnd"], seen["NoNewPrivs"], seen["Seccomp"]),
                         (SYS_ADMIN | NET_RAW, 0, 0))

    def test_an_expired_exception_opens_nothing_and_stops_nothing(self):
        self.node({"exceptions": [PING | {"expires": "2020-01-01"}]})
        with Bundle(["sh", "-c", STATUS]) as bundle:
            bundle.capabilities("CAP_NET_RAW", "CAP_CHOWN")
            self.assertEqual(self.seen(bundle)["CapBnd"], 1)

    def test_rules_choose_by_what_the_engine_says_and_not_by_what_a_user_writes(self):
        """Annotations of containerd's CRI plugin count where containerd calls for the kubelet only."""
        policy = {"rules": [{"match": {"engine": "kubernetes", "namespace": "kube-*"}, "mode": "off"}]}
        with Bundle(["sh", "-c", STATUS]) as bundle:
            bundle.config["annotations"] = {"io.kubernetes.cri.container-type": "container",
                                            "io.kubernetes.cri.sandbox-namespace": "kube-system"}
            node = self.node(policy)
            self.assertEqual(self.seen(bundle.write())["Seccomp"], 2)
            before = self.runtime
            with tempfile.TemporaryDirectory(prefix="holdfast-root-") as scratch:
                root = pathlib.Path(scratch) / "k8s.io"
                root.mkdir()
                self.runtime = Runtime(root=root, prefix=node.prefix)
                self.assertEqual(self.seen(bundle)["Seccomp"], 0)
                self.runtime = before

    def test_a_directory_that_is_replaced_during_creates_is_read_as_one_or_the_other(self):
        """Between two renames there is no directory at all: that is no policy of the node's either."""
        node = self.node({})
        for name, mode in (("a", "warn"), ("b", "enforce")):
            node.write(f"{name}/1.json", json.dumps(
                {"apiVersion": "holdfast/v1", "default": {"profile": f"{name}", "mode": mode}}))
            node.write(f"{name}/2.json", '{"apiVersion": "holdfast/v1"}')
            node.write(f"profiles/{name}.json", json.dumps({"name": name, "extends": "restricted"}))
        node.run("/bin/sh", "-c", "cd /etc/holdfast && rm -r policy.d && mv a policy.d")
        swap = ("cd /etc/holdfast || exit 1; while :; do mv policy.d a; mv b policy.d; "
                "mv policy.d b; mv a policy.d; done")
        swapper = subprocess.Popen([*node.prefix, "/bin/sh", "-c", swap])
        seen = set()
        try:
            with Bundle(["sh", "-c", STATUS]) as bundle:
                bundle.capabilities("CAP_NET_RAW")
                for _ in range(20):
                    result = self.runtime.run_container(bundle)
                    if result.returncode != 0:
                        self.assertIn("it changes all the time", result.stderr)
                        continue
                    status = self.status(result.stdout)
                    seen.add((status["CapBnd"], status["NoNewPrivs"]))
        finally:
            swapper.kill()
            swapper.wait()
        self.assertLessEqual(seen, {(NET_RAW, 0), (0, 1)})
        self.assertTrue(seen)

    def test_a_policy_that_others_can_write_is_refused(self):
        with Bundle(["true"]) as bundle:
            for options in ({"mode": "666"}, {"mode": "664"}, {"owner": "1000:0"}):
                with self.subTest(options=options), Node({}, **options) as node:
                    runtime = Runtime(root=self.runtime.root, prefix=node.prefix)
                    self.assert_refused(runtime.run_container(bundle), FILE)

    def test_hooks_and_update_go_through_the_plan(self):
        self.node({"profile": "restricted"})
        with Bundle(["sleep", "600"]) as bundle:
            (bundle.rootfs / "hook").write_text("#!/bin/sh\n")
            (bundle.rootfs / "hook").chmod(0o755)
            bundle.config["hooks"] = {"createRuntime": [{"path": str(bundle.rootfs / "hook")}]}
            self.assert_refused(self.runtime.run_container(bundle.write()), "refused by policy")
            del bundle.config["hooks"]
            container = new_id()
            self.assert_ok(self.runtime.create(bundle.write(), container))
            root = pathlib.Path("/sys/fs/cgroup")
            if (root / "pids").is_dir():
                root = root / "pids"
            limit = root / bundle.linux["cgroupsPath"].strip("/") / "pids.max"
            before = limit.read_text()
            self.runtime.ok("update", "--resources", "-", container,
                            stdin=json.dumps({"pids": {"limit": -1}}))
            self.assertEqual((before, limit.read_text()), ("4096\n", "4096\n"))
            self.runtime.ok("update", "--pids-limit", "100", container)
            self.assertEqual(limit.read_text(), "100\n")

    @staticmethod
    def control(container_state, controller, v1, v2):
        """What a control file of the container's cgroup says, whichever version holds it."""
        for line in pathlib.Path(f"/proc/{container_state['pid']}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controller in controllers.split(","):
                return pathlib.Path(f"/sys/fs/cgroup/{controller}{path}/{v1}").read_text().strip()
            unified = pathlib.Path(f"/sys/fs/cgroup{path}/{v2}")
            if controllers == "" and unified.exists():
                return unified.read_text().strip()
        raise AssertionError(f"no {controller} controller")

    def quota(self, state):
        return self.control(state, "cpu", "cpu.cfs_quota_us", "cpu.max").split()[0]

    def memory(self, state):
        return self.control(state, "memory", "memory.limit_in_bytes", "memory.max")

    LIMITS = {"extends": "baseline", "limits": {
        "memory": {"default": "64Mi", "max": "128Mi"}, "cpu": {"default": "500m", "max": 1},
        "pids": {"default": 50, "max": 100}}}

    def test_limits_are_given_where_none_is_asked_and_end_at_the_ceiling(self):
        self.node({"profile": "small"}, profiles={"small": self.LIMITS})
        asked = {"memory": {"limit": 1 << 30, "swap": 1 << 30}, "pids": {"limit": 5000},
                 "cpu": {"quota": 800000, "period": 200000}}
        for resources, expected in (({}, (str(64 << 20), "50000", "50")),
                                    (asked, (str(128 << 20), "200000", "100")),
                                    ({"memory": {"limit": 32 << 20}, "cpu": {"quota": 10000}},
                                     (str(32 << 20), "10000", "50"))):
            with self.subTest(resources=resources), Bundle(["sleep", "600"]) as bundle:
                bundle.linux["resources"].update(resources)
                container = new_id()
                self.assert_ok(self.runtime.create(bundle.write(), container))
                state = self.runtime.state(container)
                pids = self.control(state, "pids", "pids.max", "pids.max")
                self.assertEqual((self.memory(state), self.quota(state), pids), expected)

    def test_an_update_ends_at_the_ceiling_and_is_told(self):
        self.node({"profile": "small"}, profiles={"small": self.LIMITS})
        with Bundle(["sleep", "600"]) as bundle:
            container = new_id()
            self.assert_ok(self.runtime.create(bundle.write(), container))
            state = self.runtime.state(container)
            update = lambda **resources: self.runtime.ok(
                "update", "--resources", "-", container, stdin=json.dumps(resources))
            update(memory={"limit": 1 << 30})
            self.assertEqual(self.memory(state), str(128 << 20))
            update(memory={"limit": -1})
            self.assertEqual(self.memory(state), str(64 << 20))
            update(cpu={"period": 10000})
            self.assertEqual(self.quota(state), "10000")
            update(cpu={"quota": 5000})
            self.assertEqual(self.quota(state), "5000")
            # What an update does not name is neither lifted nor forgotten.
            update(pids={"limit": -1})
            self.assertEqual(self.control(state, "pids", "pids.max", "pids.max"), "50")
            plan = json.loads((pathlib.Path(self.runtime.root) / container / "plan.json").read_text())
        self.assertEqual(plan["cgroup"]["resources"]["memory"]["limit"], 64 << 20)
        told = {each["control"]: each for each in plan["decisions"]}
        self.assertEqual((told["memoryLimit"]["asked"], told["memoryLimit"]["applied"]),
                         ("unlimited", "64Mi"))

    def test_a_limit_of_zero_is_no_limit_and_refused(self):
        self.node({"profile": "small"}, profiles={"small": {
            "extends": "baseline", "limits": {"memory": {"max": 0}, "hugepages": {"2 MB": {"max": 1}}}}})
        with Bundle(["true"]) as bundle:
            result = self.runtime.run_container(bundle)
        self.assert_refused(result, "limits.memory: expected more than 0")
        self.assert_refused(result, "is no page size such as 2MB")

    def scratch(self):
        path = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-mounts-"))
        self.addCleanup(subprocess.run, ["rm", "-rf", "--one-file-system", path], check=True)
        return path

    def test_a_root_is_read_only_but_for_the_places_that_are_named(self):
        self.node({"profile": "fixed"}, profiles={"fixed": {
            "extends": "baseline", "limits": {"tmpfs": {"default": "1Mi", "max": "2Mi"}},
            "rootfs": {"readOnly": True, "writable": ["/tmp", "/srv/new"]}}})
        script = ("cat /tmp/kept; stat -c %a:%u /tmp; touch /tmp/x /srv/new/x && echo written;"
                  "touch /x 2>/dev/null || echo read-only; df -k /tmp /dev/shm | awk 'NR > 1 {print $2}'")
        with Bundle(["sh", "-c", script]) as bundle:
            (bundle.rootfs / "tmp/kept").write_text("kept\n")
            os.chown(bundle.rootfs / "tmp", 1000, 1000)
            shown = self.assert_ok(self.runtime.run_container(bundle)).stdout
            self.assertFalse((bundle.rootfs / "tmp/x").exists())
        self.assertEqual(shown.split(), ["kept", "1777:1000", "written", "read-only", "1024", "2048"])

    def test_flags_are_forced_on_mounts_by_class(self):
        self.node({"profile": "flags"}, profiles={"flags": {"extends": "baseline", "mounts": {
            "forceBind": ["nosuid", "noexec", "nosymfollow"], "forceTmpfs": ["noexec", "nodev"]}}})
        volume = self.scratch()
        (volume / "link").symlink_to("file")
        (volume / "file").write_text("through\n")
        with Bundle(["sh", "-c", "grep -E ' /(volume|dev) ' /proc/self/mounts; cat /volume/link; echo x >/dev/null"
                     " && echo device"]) as bundle:
            bundle.config["mounts"].append({"destination": "/volume", "type": "bind", "source": str(volume),
                                            "options": ["rbind", "exec", "suid"]})
            result = self.runtime.run_container(bundle.write())
        lines = {line.split()[1]: line.split()[3].split(",") for line in result.stdout.splitlines() if "/" in line}
        self.assertLessEqual({"nosuid", "noexec", "nosymfollow"}, set(lines["/volume"]))
        self.assertIn("noexec", lines["/dev"])
        self.assertNotIn("nodev", lines["/dev"])
        self.assertIn("device", result.stdout)
        self.assertNotIn("through", result.stdout)

    def test_sources_that_the_profile_denies_are_refused_by_every_name(self):
        secret, alias = self.scratch(), self.scratch()
        (secret / "inner").mkdir()
        node = self.node({"profile": "deny"}, profiles={"deny": {
            "extends": "baseline", "mounts": {"deny": [str(secret)]}}})
        node.run("mount", "--bind", str(secret), str(alias))
        link = self.scratch() / "link"
        link.symlink_to(secret / "inner")
        with Bundle(["true"]) as bundle:
            bundle.config["mounts"].append({"destination": "/volume", "type": "bind", "options": ["rbind"]})
            for source in (secret, secret / "inner", secret.parent, link, alias, alias / "inner"):
                with self.subTest(source=source):
                    bundle.config["mounts"][-1]["source"] = str(source)
                    self.assert_refused(self.runtime.run_container(bundle.write()), f"mounts.deny: {secret}")
            bundle.config["mounts"][-1]["source"] = str(self.scratch())
            self.assert_ok(self.runtime.run_container(bundle.write()))

    def test_the_layers_of_an_overlay_are_judged(self):
        node = self.node({})
        lower, alias = self.scratch(), self.scratch()
        (lower / "file").write_text("lower\n")
        pathlib.Path("/run/holdfast").mkdir(mode=0o700, exist_ok=True)
        node.run("mount", "--bind", "/run/holdfast", str(alias))
        with Bundle(["cat", "/volume/file"]) as bundle:
            bundle.config["mounts"].append({"destination": "/volume", "type": "overlay", "source": "overlay"})
            for layers in ("/var/lib:{}", "{}:/run", f"{{}}:{alias}"):
                with self.subTest(layers=layers):
                    bundle.config["mounts"][-1]["options"] = ["lowerdir=" + layers.format(lower)]
                    self.assert_refused(self.runtime.run_container(bundle.write()), "HF-C021")
            bundle.config["mounts"][-1]["options"] = [f"lowerdir={lower}:{self.scratch()}"]
            self.assertEqual(self.assert_ok(self.runtime.run_container(bundle.write())).stdout, "lower\n")

    def test_the_old_file_is_refused_and_says_where_it_goes(self):
        node = self.node({})
        node.write("policy.json", "{}")
        with Bundle(["true"]) as bundle:
            result = self.runtime.run_container(bundle)
        self.assert_refused(result, "/etc/holdfast/policy.json: the policy's place is")

    @staticmethod
    def hook(bundle, mode=0o755, text="#!/bin/sh\necho ran > \"$(dirname \"$0\")/ran\"\n"):
        """A createRuntime hook beside the bundle's root, and the file that it makes."""
        program = bundle.path / "hook"
        program.write_text(text)
        program.chmod(mode)
        bundle.config["hooks"] = {"createRuntime": [{"path": str(program)}]}
        bundle.write()
        return program, bundle.path / "ran"

    def test_a_hook_that_others_can_write_is_not_run(self):
        with Bundle(["true"]) as bundle:
            program, ran = self.hook(bundle, mode=0o777)
            self.assert_refused(self.runtime.run_container(bundle), "others than root can write to")
            program.chmod(0o755)
            os.chown(program, 1000, 0)
            self.assert_refused(self.runtime.run_container(bundle), "belongs to uid 1000, not to root")
            os.chown(program, 0, 0)
            bundle.path.chmod(0o777)
            self.assert_refused(self.runtime.run_container(bundle), "others than root can write to")
            bundle.path.chmod(0o755)
            self.assertFalse(ran.exists())
            self.assert_ok(self.runtime.run_container(bundle))
            self.assertTrue(ran.exists())

    def test_hooks_that_a_profile_names_run_with_the_content_that_it_names(self):
        with Bundle(["true"]) as bundle:
            program, ran = self.hook(bundle)
            digest = hashlib.sha256(program.read_bytes()).hexdigest()
            hooks = {"extends": "baseline", "hooks": {"allow": [{"path": str(program), "sha256": digest}]}}
            self.node({"profile": "pinned"}, profiles={"pinned": hooks})
            self.assert_ok(self.runtime.run_container(bundle))
            self.assertTrue(ran.exists())
            ran.unlink()
            program.write_text(program.read_text() + "# changed\n")
            self.assert_refused(self.runtime.run_container(bundle), "its content is sha256:")
            bundle.config["hooks"]["createRuntime"][0]["path"] = "/bin/true"
            self.assert_refused(self.runtime.run_container(bundle.write()), "HF-C020")
            self.assertFalse(ran.exists())

    def test_exec_is_held_to_the_profiles_rules_and_opened_by_an_exception_that_ends(self):
        container = new_id()
        guarded = {"shut": {"extends": "baseline", "exec": {"access": "deny"}}}
        with Bundle(["sleep", "600"]) as bundle:
            self.node({"profile": "shut"}, profiles=guarded)
            self.assert_ok(self.runtime.create(bundle, container))
            self.addCleanup(self.runtime.call, "delete", "--force", container)
            self.runtime.ok("start", container)
            self.assert_refused(self.runtime.call("exec", container, "true"), "HF-C019")
            self.node({"profile": "shut", "exceptions": [
                {"name": "incident", "match": {}, "allow": ["exec"], "reason": "TICKET-9",
                 "expires": "2999-01-01"}]}, profiles=guarded)
            self.runtime.ok("exec", container, "true")
            self.node({"profile": "shut", "exceptions": [
                {"name": "incident", "match": {}, "allow": ["exec"], "reason": "TICKET-9",
                 "expires": "2020-01-01"}]}, profiles=guarded)
            self.assert_refused(self.runtime.call("exec", container, "true"), "HF-C019")
            self.runtime.ok("delete", "--force", container)
