"""holdfastctl policy, profile and plan."""

import json

from lib.bundle import Bundle
from lib.case import RuntimeCase
from lib.node import Node
from lib.runtime import Runtime, new_id
from ctl.test_holdfastctl import HOLDFASTCTL
import subprocess

POLICY = {
    "default": {"profile": "baseline"},
    "rules": [
        {"match": {"engine": "kubernetes", "namespace": "kube-*"}, "mode": "warn"},
        {"match": {"image": "registry.example/*"}, "profile": "web"},
    ],
    "exceptions": [
        {"name": "old", "match": {"engine": "docker"}, "allow": ["ioUring"], "reason": "was needed",
         "expires": "2020-01-01"},
        {"name": "ping", "match": {}, "allow": ["capabilities:NET_RAW"], "reason": "monitoring"},
    ],
}
WEB = {"extends": "restricted", "seccomp": {"remove": ["@personality", "@ptrace", "@socketcall", "mount"]}}


class NodeCase(RuntimeCase):
    """holdfastctl on a node of its own."""

    def on(self, node, *args, status=0):
        result = subprocess.run([*node.prefix, HOLDFASTCTL, *map(str, args)], capture_output=True, text=True,
                                check=False, stdin=subprocess.DEVNULL)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result

    def node(self, policy=None, profiles=None):
        node = Node(POLICY if policy is None else policy, profiles={"web": WEB} if profiles is None else profiles)
        self.enterContext(node)
        return node


class PolicyCommands(NodeCase):
    def test_lint_tells_mistakes_with_their_places_and_nothing_else(self):
        node = self.node('{"apiVersion": "holdfast/v1",\n "rules": [{"match": {"engin": "docker"}, "mode": "warn"}]}')
        result = self.on(node, "policy", "lint", status=1)
        self.assertIn("10-node.json:2:23: rules[0].match.engin: unknown field", result.stderr)
        self.assertEqual(result.stdout, "")

    def test_lint_warns_of_what_was_hardly_meant(self):
        answer = json.loads(self.on(self.node(), "policy", "lint", "--format", "json").stdout)
        warnings = [each["what"] for each in answer["warnings"]]
        self.assertEqual(len(warnings), 3, warnings)
        self.assertIn('exception "old" expired on 2020-01-01', warnings[0])
        self.assertIn("every container", warnings[1])
        self.assertIn("never expires", warnings[2])

    def test_lint_of_a_directory_before_it_is_put_in_place(self):
        node = self.node()
        node.write("policy.d/1.json", '{"apiVersion": "holdfast/v2"}', directory="/etc/new")
        self.assertIn("/etc/new/policy.d/1.json:1:2", self.on(node, "policy", "lint", "/etc/new", status=1).stderr)

    def test_show_lists_rules_in_the_order_of_their_trial(self):
        shown = self.on(self.node(), "policy", "show").stdout
        order = [shown.index(text) for text in ("namespace=kube-*", "image=registry.example/*", "default", "monitoring")]
        self.assertEqual(order, sorted(order))
        whole = json.loads(self.on(self.node(), "policy", "show", "--format", "json").stdout)
        self.assertEqual(whole["rules"], POLICY["rules"])
        self.assertEqual(whole["exceptions"], POLICY["exceptions"])

    def test_test_says_which_rule_holds_and_whether_a_bundle_would_start(self):
        node = self.node()

        def ask(*args, status=0):
            return json.loads(self.on(node, "policy", "test", "--format", "json", *args, status=status).stdout)

        self.assertEqual(ask("--engine", "kubernetes", "-n", "kube-system")["mode"], "warn")
        web = ask("-i", "registry.example/shop:1")
        self.assertEqual((web["profile"], [each["allows"] for each in web["grants"]]), ("web", ["capabilities:NET_RAW"]))
        docker = ask("--engine", "docker")
        self.assertIn("expired", docker["notes"][0])
        self.assertEqual(ask("--engine", "docker", "--date", "2019-12-31")["grants"][0]["allows"], "ioUring")
        with Bundle(["true"]) as bundle:
            bundle.capabilities("CAP_SYS_ADMIN")
            self.assertIn("HF-C003", ask(bundle.write().path, status=1)["refusal"])
            self.assertFalse(ask("--engine", "kubernetes", "-n", "kube-system", bundle.path)["refused"])

    def test_diff_tells_what_another_directory_would_change(self):
        node = self.node()
        node.run("cp", "-r", "/etc/holdfast", "/etc/new")
        self.assertIn("no difference", self.on(node, "policy", "diff", "/etc/new").stdout)
        changed = POLICY | {"default": {"profile": "restricted"}, "exceptions": []}
        node.write("policy.d/10-node.json", json.dumps({"apiVersion": "holdfast/v1"} | changed), directory="/etc/new")
        node.write("profiles/web.json", json.dumps({"name": "web"} | WEB | {"mdwe": "auto"}), directory="/etc/new")
        answer = json.loads(self.on(node, "policy", "diff", "/etc/new", "--format", "json", status=1).stdout)
        found = {each["path"]: (each["left"], each["right"]) for each in answer["differences"]}
        self.assertEqual(found["default.profile"], ("baseline", "restricted"))
        self.assertEqual(found["profile web mdwe"], ("off", "auto"))

    def test_profiles_are_listed_shown_and_compared(self):
        node = self.node()
        names = [each["name"] for each in json.loads(self.on(node, "profile", "list", "--format", "json").stdout)["profiles"]]
        self.assertEqual(names, ["restricted", "baseline", "observe", "web"])
        web = json.loads(self.on(node, "profile", "show", "web", "--format", "json").stdout)
        self.assertEqual(web["capabilities"]["allow"], ["NET_BIND_SERVICE"])
        # What is shown is a profile's file: it can be put in place as another one.
        node.write("profiles/copy.json", json.dumps(web | {"name": "copy"}))
        self.on(node, "policy", "lint")
        answer = json.loads(self.on(node, "profile", "diff", "baseline", "web", "--format", "json", status=1).stdout)
        ways = {each["control"]: each["way"] for each in answer["differences"]}
        self.assertEqual(ways["privileged"], "tighter")
        self.assertEqual(set(ways.values()), {"tighter"})
        back = json.loads(self.on(node, "profile", "diff", "web", "baseline", "--format", "json", status=1).stdout)
        self.assertEqual({each["way"] for each in back["differences"]}, {"looser"})
        self.assertIn("no profile is called", self.on(node, "profile", "show", "none", status=1).stderr)

    def test_plans_of_containers_and_bundles_are_compared(self):
        node = self.node()
        runtime = Runtime(root=self.runtime.root, prefix=node.prefix)
        container = new_id()
        with Bundle(["sleep", "600"]) as bundle:
            self.assert_ok(runtime.create(bundle, container))
            self.addCleanup(runtime.call, "delete", "--force", container)
            plan = f"{runtime.root}/{container}/plan.json"
            self.assertIn("no difference", self.on(node, "plan", "diff", "--root", runtime.root, container, plan).stdout)
            bundle.process["noNewPrivileges"] = True
            answer = json.loads(self.on(node, "plan", "diff", "--root", runtime.root, "--format", "json", container,
                                        bundle.write().path, status=1).stdout)
            paths = [each["path"] for each in answer["differences"]]
            self.assertIn("process.noNewPrivileges", paths)


LIMITED = {"extends": "baseline",
           "limits": {"memory": {"default": "64Mi", "max": "128Mi"}, "cpu": {"max": 1}, "tmpfs": {"max": "8Mi"}},
           "mounts": {"deny": ["/srv/secret"], "forceTmpfs": ["noexec", "nosuid"]},
           "rootfs": {"readOnly": True, "writable": ["/tmp"]}}


class LimitsAndMounts(NodeCase):
    """What the commands tell of a profile's limits and mounts."""

    def node(self, policy=None, profiles=None):
        return super().node({"profile": "small"} if policy is None else policy, {"small": LIMITED} if profiles is None else profiles)

    def bundle(self):
        bundle = Bundle(["sleep", "600"])
        self.addCleanup(bundle.remove)
        bundle.linux["resources"]["memory"] = {"limit": 1 << 30}
        return bundle.mount("/big", "tmpfs", "size=64m", kind="tmpfs")

    @staticmethod
    def applied(answer):
        return {each["control"]: (each["asked"], each["applied"]) for each in answer["decisions"]
                if each["outcome"] == "tightened"}

    def assert_told(self, told):
        self.assertEqual(told["memoryLimit"], ("1Gi", "128Mi"))
        self.assertIn("read-only", told["rootfs"][1])
        self.assertIn("/tmp", told["rootfs"][1])
        self.assertTrue(any("8Mi" in applied for _, applied in told.values()), told)
        self.assertTrue(any("noexec" in applied for _, applied in told.values()), told)

    def test_explain_shows_them_of_a_bundle_and_of_a_container(self):
        node, bundle = self.node(), self.bundle()
        self.assert_told(self.applied(json.loads(self.on(node, "explain", bundle.path, "--format", "json").stdout)))
        runtime, name = Runtime(root=self.runtime.root, prefix=node.prefix), new_id()
        self.assert_ok(runtime.create(bundle, name))
        self.assert_told(self.applied(json.loads(self.on(
            node, "explain", "--root", runtime.root, name, "--format", "json").stdout)))
        for text in ("memoryLimit", "128Mi", "rootfs"):
            self.assertIn(text, self.on(node, "explain", bundle.path).stdout)

    def test_policy_test_tells_of_a_refused_source(self):
        node, bundle = self.node(), self.bundle()
        self.on(node, "policy", "test", bundle.path)
        node.run("mkdir", "-p", "/etc/holdfast.secret")
        wider = LIMITED | {"mounts": {"deny": ["/etc/holdfast.secret"]}}
        node.write("profiles/small.json", json.dumps({"name": "small"} | wider))
        bundle.mount("/s", "/etc/holdfast.secret/", "rbind")
        result = self.on(node, "policy", "test", bundle.path, status=1)
        self.assertIn("/etc/holdfast.secret", result.stdout + result.stderr)
        self.assertIn("HF-C022", result.stdout + result.stderr)

    def test_profile_diff_shows_what_they_narrow(self):
        shown = self.on(self.node(), "profile", "diff", "baseline", "small", status=1).stdout
        for text in ("memory", "128Mi", "/srv/secret", "readOnly"):
            self.assertIn(text, shown)

    def test_plan_diff_shows_a_changed_limit(self):
        node, bundle = self.node(), self.bundle()
        runtime, name = Runtime(root=self.runtime.root, prefix=node.prefix), new_id()
        self.assert_ok(runtime.create(bundle, name))
        node.write("profiles/small.json",
                   json.dumps({"name": "small"} | LIMITED | {"limits": {"memory": {"max": "32Mi"}}}))
        shown = self.on(node, "plan", "diff", "--root", runtime.root, name, bundle.path, status=1)
        self.assertIn(str(128 << 20), shown.stdout)
        self.assertIn(str(32 << 20), shown.stdout)


class NodesFilters(NodeCase):
    """Profiles of the node's own that deny further calls."""

    def ask(self, node, profile, *calls):
        result = subprocess.run([*node.prefix, HOLDFASTCTL, "seccomp", "test", "--format", "json", profile, *calls],
                                capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        return json.loads(result.stdout)

    def test_seccomp_test_takes_them_by_name(self):
        node = self.node(profiles={"web": WEB, "more": {"extends": "web", "seccomp": {"remove": WEB["seccomp"]["remove"] + ["getpid"]}}})
        for profile, getpid in (("web", "allowed"), ("more", "EPERM"), ("more-denylist", "EPERM"), ("more-allowlist", "EPERM")):
            answer = self.ask(node, profile, "getpid", "ptrace", "read")
            self.assertEqual([each["answer"] for each in answer["calls"]], [getpid, "EPERM", "allowed"], profile)
            self.assertIn(profile.split("-")[0], answer["source"])
        answer = self.ask(node, "more", "getpid")
        self.assertIn("another profile: more denies it by its seccomp.remove", answer["calls"][0]["remedy"])

    def test_one_without_a_filter_and_a_policy_that_cannot_be_read_are_told(self):
        node = self.node({}, profiles={"loose": {"extends": "observe"}})
        self.assertIn("profile loose loads no filter", self.on(node, "seccomp", "test", "loose", "read", status=2).stderr)
        node.write("profiles/loose.json", "{")
        result = self.on(node, "seccomp", "test", "loose", "read", status=2)
        self.assertIn("profiles/loose.json", result.stderr)

    def test_why_proposes_no_exception_for_what_the_profile_removes(self):
        web = {"extends": "baseline", "seccomp": {"remove": ["getppid", "mount"]}}
        node = self.node({"profile": "web"}, profiles={"web": web})
        runtime, name = Runtime(root=self.runtime.root, prefix=node.prefix), new_id()
        with Bundle(["sleep", "600"]) as bundle:
            self.assert_ok(runtime.create(bundle, name))
        for call, words in (("getppid", "another profile: web denies it"), ("mount", "no exception"),
                            ("setns", "nestedContainers")):
            result = json.loads(self.on(node, "why", "--root", runtime.root, name, call, "--format", "json").stdout)
            finding, = result["findings"]
            self.assertEqual(finding["answer"], "EPERM")
            self.assertIn(words, finding["remedy"], call)
