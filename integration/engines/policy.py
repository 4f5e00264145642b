"""What holds under holdfast although the engine asked for less: its default policy tightens.

Every container asked for with docker's or podman's loosest switches still meets it; what was tightened is
told by `holdfastctl explain`. Another runtime does as asked, so these tests are skipped for it.
"""

import json

from engines.instance import holdfastctl, is_holdfast


class Policy:
    """Beside contract.Containers in a TestCase."""

    engine_name = "podman"  # as holdfastctl calls it
    refused = 125  # the engine's status for a container that the runtime will not make

    def setUp(self):
        super().setUp()
        if not is_holdfast():
            self.skipTest("the policy is holdfast's: this runtime does as it is asked")

    def test_net_raw_is_not_among_the_capabilities(self):
        for options in ((), ("--cap-add", "NET_RAW")):
            with self.subTest(options=options):
                bounding = int(self.sh("grep CapBnd /proc/self/status", *options).split()[1], 16)
                self.assertEqual(bounding & 1 << 13, 0)

    def test_namespaces_and_mounts_stay_closed_without_the_engine_s_filter(self):
        for call in ("unshare -U true", "unshare -m true", "unshare -n true", "mount -t tmpfs t /tmp",
                     "nsenter -t 1 -u true"):
            with self.subTest(call=call):
                shown = self.sh(f"{call} 2>&1 && echo done || true", "--security-opt", "seccomp=unconfined")
                self.assertRegex(shown, "(?i)operation not permitted|permission denied")

    def test_the_filter_is_there_without_the_engine_s(self):
        shown = self.sh("grep ^Seccomp: /proc/self/status", "--security-opt", "seccomp=unconfined")
        self.assertEqual(shown, "Seccomp:\t2")

    def test_a_refusal_names_its_rule(self):
        result = self.engine("run", "--rm", "--cap-add", "SYS_MODULE", self.engine.image, "true")
        self.assertEqual(result.status, self.refused, str(result))
        self.assertIn("refused by policy", result.err)
        self.assertRegex(result.err, r"SYS_MODULE.*\[HF-")

    def ctl(self, *words, identity=None):
        """holdfastctl in the engine's place, as the engine's user."""
        identity = self.engine.identity if identity is None else identity
        return self.engine.place.check(*identity, holdfastctl(), *words)

    def test_explain_tells_what_was_tightened(self):
        name = self.start("--security-opt", "seccomp=unconfined", "--cap-add", "NET_RAW")
        shown = self.ctl("explain", self.engine.inspect(name, "{{.Id}}"))
        self.assertIn("NET_RAW", shown)
        self.assertIn("seccomp", shown)

    def test_a_container_is_found_by_its_name_and_by_the_beginning_of_its_id(self):
        name = self.start()
        ident = self.engine.inspect(name, "{{.Id}}")
        for asked in (name, ident[:12], ident):
            answer = json.loads(self.ctl("explain", asked, "--format", "json"))
            self.assertEqual((answer["id"], answer["name"]), (ident, name))
        finding, = json.loads(self.ctl("why", name, "mount", "--format", "json"))["findings"]
        self.assertEqual(finding["answer"], "EPERM")
        self.assertIn("denylist", self.ctl("seccomp", "disasm", name))

    def test_root_sees_the_containers_of_every_engine(self):
        name = self.start()
        ident = self.engine.inspect(name, "{{.Id}}")
        listed, = [each for each in json.loads(self.ctl("list", "--format", "json", identity=()))["containers"]
                   if each["id"] == ident]
        self.assertEqual((listed["name"], listed["status"], listed["profile"]), (name, "running", "baseline"))
        self.assertEqual(listed["engine"], self.engine_name)
        self.assertEqual(json.loads(self.ctl("explain", name, "--format", "json", identity=()))["id"], ident)
