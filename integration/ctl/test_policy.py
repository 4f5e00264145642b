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


class PolicyCommands(RuntimeCase):
    def on(self, node, *args, status=0):
        result = subprocess.run([*node.prefix, HOLDFASTCTL, *map(str, args)], capture_output=True, text=True,
                                check=False, stdin=subprocess.DEVNULL)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result

    def node(self, policy=None, profiles=None):
        node = Node(POLICY if policy is None else policy, profiles={"web": WEB} if profiles is None else profiles)
        self.enterContext(node)
        return node

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
