"""What docker and podman promise their users, asked of the runtime beneath them.

A test module mixes Contract into its TestCase, and gives it `engine`, which is called with the command
line's arguments (Docker, Podman); RootContract adds what only a rootful engine offers. What holds
under holdfast alone, because its policy is tighter than what was asked for, is in policy.py.
"""

import concurrent.futures
import itertools
import json
import re
import time

from engines.instance import wait_for

_number = itertools.count()


class Containers:
    """Makes containers that the test's end removes, and looks at them."""

    engine = None
    # A forever that ends at once on SIGTERM, as PID 1 ignores signals that it does not handle.
    FOREVER = "trap 'exit 0' TERM; while :; do sleep 0.1; done"

    def sh(self, script, *options, **kwargs):
        """The output of a shell script in a new container with these options."""
        return self.engine.check("run", "--rm", *options, self.engine.image, "sh", "-c", script, **kwargs)

    def start(self, *options, script=None):
        """A running container; gives its name."""
        name = f"c{next(_number)}"
        self.addCleanup(self.engine, "rm", "-f", name)
        self.engine.check("run", "-d", "--name", name, *options, self.engine.image,
                          "sh", "-c", script or self.FOREVER)
        return name

    def limit(self, container, v1, v2):
        return self.engine.place.cgroup_value(self.engine.pid(container), v1, v2)

    def state(self, container, field):
        return self.engine.inspect(container, "{{.State.%s}}" % field)

    def assert_status(self, status, *args, **kwargs):
        result = self.engine(*args, **kwargs)
        self.assertEqual(result.status, status, str(result))
        return result


class Contract(Containers):
    """Rootful or not."""

    SHARED = "/var/shared"  # a directory of the engine's place, to be made and bound

    # --- the process ---

    def test_the_exit_status_is_the_process_s(self):
        self.assert_status(7, "run", "--rm", self.engine.image, "sh", "-c", "exit 7")
        self.assert_status(143, "run", "--rm", "--init", self.engine.image, "sh", "-c", "kill -TERM $$; sleep 9")

    def test_output_and_errors_come_apart(self):
        result = self.assert_status(0, "run", "--rm", self.engine.image, "sh", "-c", "echo out; echo err >&2")
        self.assertEqual((result.out, result.err), ("out", "err"))

    def test_input_is_passed_on(self):
        result = self.assert_status(0, "run", "--rm", "-i", self.engine.image, "cat", stdin="line\n" * 5000)
        self.assertEqual(result.out + "\n", "line\n" * 5000)

    def test_a_command_that_is_missing_gives_127(self):
        self.assert_status(127, "run", "--rm", self.engine.image, "/nope")
        self.assert_status(127, "run", "--rm", self.engine.image, "nope")

    def test_a_command_that_may_not_run_gives_126(self):
        self.assert_status(126, "run", "--rm", self.engine.image, "/etc/passwd")
        self.assert_status(126, "run", "--rm", self.engine.image, "/etc")

    def test_environment_and_directory(self):
        shown = self.sh('echo "$A|$PWD|$HOME"', "-e", "A=a b", "-w", "/tmp")
        self.assertEqual(shown, "a b|/tmp|/root")

    def test_the_user_is_taken(self):
        show = 'echo "$(id -u):$(id -g):$(id -G):$HOME"; grep CapEff /proc/self/status'
        for user, want in (("user", "1000:1000:1000 2000:/home"), ("1000:2000", "1000:2000:2000:/home"),
                           ("65534", "65534:65534:65534:/")):
            shown = self.sh(show, "-u", user).splitlines()
            self.assertEqual(shown[0], want)
            self.assertEqual(int(shown[1].split()[1], 16), 0)

    def test_additional_groups(self):
        self.assertEqual(self.sh("id -G", "-u", "1000:1000", "--group-add", "3000"), "1000 3000")

    def test_the_host_name(self):
        self.assertEqual(self.sh("hostname", "--hostname", "web.example"), "web.example")

    def test_a_terminal(self):
        status, shown = self.engine.terminal(
            "run", "--rm", "-it", self.engine.image, "sh", "-c", "tty; until stty size 2>/dev/null | grep 30; do sleep 0.05; done; read x; echo got:$x; exit 3",
            keys=b"hello\n", until=b"30 100")
        self.assertEqual(status, 3, shown)
        self.assertIn("/dev/pts/0\r\n", shown)
        self.assertIn("got:hello", shown)

    def test_the_terminal_takes_the_interrupt_key(self):
        status, shown = self.engine.terminal(
            "run", "--rm", "-it", self.engine.image, "sh", "-c", "trap 'exit 5' INT; echo ready; while :; do sleep 1; done",
            keys=b"\x03", until=b"ready")
        self.assertEqual(status, 5, shown)

    def test_init_reaps(self):
        shown = self.sh("cat /proc/1/comm; sh -c 'sleep 0.1 &'; sleep 0.4; ps | grep -c '\\[sleep\\]' || true", "--init")
        self.assertRegex(shown, r"^(docker-init|tini|catatonit|podman-init)\n0$")

    def test_rlimits(self):
        self.assertEqual(self.sh("ulimit -Sn; ulimit -Hn", "--ulimit", "nofile=100:200",
                                 "--ulimit", "nproc=512:512"), "100\n200")

    def test_sysctls(self):
        self.assertEqual(self.sh("cat /proc/sys/net/ipv4/ip_unprivileged_port_start",
                                 "--sysctl", "net.ipv4.ip_unprivileged_port_start=81"), "81")

    # --- confinement ---

    def test_the_root_is_the_image_s_alone(self):
        self.assertEqual(self.sh("ls -d /*"), "\n".join(
            ["/bin", "/dev", "/etc", "/home", "/proc", "/root", "/run", "/sbin", "/sys", "/tmp", "/usr", "/var"]))

    def test_it_sees_its_own_processes_alone(self):
        self.assertEqual(self.sh("echo /proc/[0-9]*"), "/proc/1")

    def test_capabilities_are_dropped(self):
        shown = self.sh("grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status", "--cap-drop", "ALL")
        self.assertEqual({int(line.split()[1], 16) for line in shown.splitlines()}, {0})
        shown = self.sh("grep -E 'Cap(Eff|Bnd)' /proc/self/status", "--cap-drop", "ALL", "--cap-add", "CHOWN",
                        "--cap-add", "NET_BIND_SERVICE")
        self.assertEqual({int(line.split()[1], 16) for line in shown.splitlines()}, {1 << 0 | 1 << 10})

    def test_the_default_capabilities_are_few(self):
        effective = int(self.sh("grep CapEff /proc/self/status").split()[1], 16)
        docker_s = sum(1 << n for n in (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31))
        self.assertEqual(effective & ~docker_s, 0)
        self.assertNotEqual(effective, 0)

    def test_no_new_privileges(self):
        shown = self.sh("grep NoNewPrivs /proc/self/status", "--security-opt", "no-new-privileges")
        self.assertEqual(shown, "NoNewPrivs:\t1")

    def test_seccomp_is_on_by_default(self):
        self.assertEqual(self.sh("grep ^Seccomp: /proc/self/status"), "Seccomp:\t2")

    def test_a_seccomp_profile_of_one_s_own(self):
        profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
            {"names": ["sethostname"], "action": "SCMP_ACT_ERRNO",
             "args": [{"index": 1, "value": 3, "op": "SCMP_CMP_EQ"}]}]}
        path = "/var/profile.json"
        self.engine.place.write(path, json.dumps(profile))
        shown = self.sh("mkdir /tmp/x 2>&1; touch /tmp/y && echo y", "--security-opt", f"seccomp={path}")
        self.assertEqual(shown, "mkdir: can't create directory '/tmp/x': No space left on device\ny")

    def test_sensitive_files_are_masked_or_read_only(self):
        shown = self.sh("head -c1 /proc/kcore | wc -c; ls /proc/acpi /sys/firmware 2>/dev/null | grep -vc : ;"
                        "for f in /proc/sys/kernel/hostname /proc/irq/default_smp_affinity /sys/kernel/profiling;"
                        "do echo x 2>&1 >$f; done; true")
        lines = shown.splitlines()
        self.assertEqual(lines[0], "0")
        self.assertEqual([line.rsplit(": ", 1)[1] for line in lines[-3:]], ["Read-only file system"] * 3, shown)

    def test_the_device_nodes(self):
        shown = self.sh("cd /dev; for d in null zero full random urandom tty; do stat -c '%n %F %t:%T %a' $d; done;"
                        "for l in fd stdin stdout stderr ptmx; do readlink $l; done; stat -f -c %T /dev/shm; echo x >/dev/null; head -c2 /dev/zero | wc -c")
        for node in ("null character special file 1:3 666", "full character special file 1:7 666",
                     "urandom character special file 1:9 666", "/proc/self/fd/2", "pts/ptmx", "tmpfs", "\n2"):
            self.assertIn(node, shown)

    def test_a_read_only_root(self):
        shown = self.sh("touch /x 2>&1; touch /tmp/y && echo y; mount | grep -c ' / overlay (ro\\| / fuse.*(ro\\| on / type .*(ro'",
                        "--read-only", "--tmpfs", "/tmp:size=1m,mode=1777,noexec")
        self.assertEqual(shown, "touch: /x: Read-only file system\ny\n1")

    def test_tmpfs_options(self):
        shown = self.sh("mount | grep ' /scratch '; head -c 3m /dev/zero >/scratch/f 2>&1 || echo full",
                        "--tmpfs", "/scratch:size=1m,noexec")
        self.assertRegex(shown, r"tmpfs on /scratch type tmpfs \(rw,.*noexec.*size=1024k")
        self.assertIn("full", shown)

    # --- files ---

    def test_bind_mounts(self):
        self.engine.place.write(f"{self.SHARED}/in", "from the host", mode=0o666)
        self.engine.place.check("/bin/chmod", "777", self.SHARED)
        shown = self.sh("cat /data/in; echo back >/data/out; touch /fixed/x 2>&1; cat /one",
                        "-v", f"{self.SHARED}:/data", "-v", f"{self.SHARED}:/fixed:ro", "-v", f"{self.SHARED}/in:/one")
        self.assertEqual(shown, "from the hosttouch: /fixed/x: Read-only file system\nfrom the host")
        self.assertEqual(self.engine.place.read(f"{self.SHARED}/out"), "back")

    def test_named_volumes_outlive_containers(self):
        self.addCleanup(self.engine, "volume", "rm", "-f", "kept")
        self.sh("echo 1 >/v/f", "-v", "kept:/v")
        self.assertEqual(self.sh("cat /v/f", "-v", "kept:/v:ro"), "1")

    def test_copying_files(self):
        name = self.start()
        self.engine.place.write("/var/copied", "content")
        self.engine.check("cp", "/var/copied", f"{name}:/tmp/there")
        self.assertEqual(self.engine.check("exec", name, "cat", "/tmp/there"), "content")
        self.engine.check("exec", name, "sh", "-c", "echo reply >/tmp/reply")
        self.engine.check("cp", f"{name}:/tmp/reply", "/var/tmp/reply")
        self.assertEqual(self.engine.place.read("/var/tmp/reply"), "reply")

    def test_the_size_of_shared_memory(self):
        self.assertRegex(self.sh("df -k /dev/shm | tail -1", "--shm-size", "8m"), r"\s8192\s")

    # --- exec ---

    def test_exec(self):
        name = self.start("-e", "A=1")
        self.assert_status(9, "exec", name, "sh", "-c", "exit 9")
        shown = self.engine.check("exec", "-e", "B=2", "-w", "/tmp", "-u", "1000:2000", name,
                                  "sh", "-c", 'echo "$A|$B|$PWD|$(id -u):$(id -g)"')
        self.assertEqual(shown, "1|2|/tmp|1000:2000")
        result = self.assert_status(0, "exec", "-i", name, "sh", "-c", "cat; echo e >&2", stdin="in\n")
        self.assertEqual((result.out, result.err), ("in", "e"))

    def test_exec_of_what_cannot_run(self):
        name = self.start()
        self.assertIn(self.engine("exec", name, "/nope").status, (126, 127))  # docker 20.10 says 126
        self.assert_status(126, "exec", name, "/etc/passwd")

    def test_exec_is_as_confined_as_the_container(self):
        name = self.start("--cap-drop", "ALL", "--cap-add", "CHOWN", "--security-opt", "no-new-privileges")
        show = "grep -E '^(CapPrm|CapEff|CapBnd|NoNewPrivs|Seccomp)' /proc/%s/status; cat /proc/%s/cgroup; for n in /proc/%s/ns/*; do readlink $n; done"
        shown = self.engine.check("exec", name, "sh", "-c", show.replace("%s", "self"))
        self.assertEqual(shown, self.engine.check("exec", name, "sh", "-c", show.replace("%s", "1")))

    def test_exec_in_the_background(self):
        name = self.start()
        self.engine.check("exec", "-d", name, "sh", "-c", "sleep 0.2; echo done >/tmp/done")
        wait_for(lambda: self.engine("exec", name, "cat", "/tmp/done").out == "done", 10, "the detached exec")

    def test_exec_on_a_terminal(self):
        name = self.start()
        status, shown = self.engine.terminal("exec", "-it", name, "sh", "-c", "tty; read x; echo got:$x; exit 4",
                                             keys=b"typed\n", until=b"/dev/pts/")
        self.assertEqual(status, 4, shown)
        self.assertIn("got:typed", shown)

    def test_many_execs_at_once(self):
        name = self.start()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            shown = list(pool.map(lambda n: self.engine("exec", name, "echo", str(n)).out, range(12)))
        self.assertEqual(shown, [str(n) for n in range(12)])

    # --- life ---

    def test_stop_sends_the_stop_signal(self):
        name = self.start(script="trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.1; done")
        wait_for(lambda: "ready" in self.engine("logs", name).out, 10, "the container")
        begin = time.monotonic()
        self.engine.check("stop", "-t", "20", name)
        self.assertLess(time.monotonic() - begin, 15)
        self.assertEqual(self.engine.check("logs", name), "ready\nbye")
        self.assertEqual(self.state(name, "ExitCode"), "3")

    def test_stop_ends_in_a_kill(self):
        name = self.start(script="trap '' TERM; echo ready; while :; do sleep 0.1; done")
        wait_for(lambda: "ready" in self.engine("logs", name).out, 10, "the container")
        self.engine.check("stop", "-t", "1", name)
        self.assertEqual(self.state(name, "ExitCode"), "137")

    def test_kill_sends_any_signal(self):
        name = self.start(script="trap 'echo usr1' USR1; echo ready; while :; do sleep 0.1; done")
        wait_for(lambda: "ready" in self.engine("logs", name).out, 10, "the container")
        self.engine.check("kill", "-s", "USR1", name)
        wait_for(lambda: "usr1" in self.engine("logs", name).out, 10, "the signal")
        self.engine.check("kill", name)
        wait_for(lambda: self.state(name, "Running") == "false", 10, "the end")
        self.assertEqual(self.state(name, "ExitCode"), "137")

    def test_start_again_and_restart(self):
        name = self.start(script="echo run; trap 'exit 0' TERM; while :; do sleep 0.1; done")
        self.engine.check("stop", "-t", "5", name)
        self.engine.check("start", name)
        self.engine.check("restart", "-t", "5", name)
        wait_for(lambda: self.engine("logs", name).out.split() == ["run"] * 3, 10, "three runs")

    def test_create_then_start_attached(self):
        self.addCleanup(self.engine, "rm", "-f", "later")
        self.engine.check("create", "--name", "later", self.engine.image, "sh", "-c", "echo now; exit 6")
        result = self.assert_status(6, "start", "-a", "later")
        self.assertEqual(result.out, "now")

    def test_wait_tells_the_status(self):
        name = self.start(script="sleep 0.3; exit 11")
        self.assertEqual(self.engine.check("wait", name), "11")

    def test_top_shows_the_processes(self):
        shown = self.engine.check("top", self.start(script="sleep 1000"))
        self.assertEqual(len([line for line in shown.splitlines() if "sleep 1000" in line]), 1, shown)

    def test_removal_leaves_nothing(self):
        name = self.start()
        ident = self.engine.inspect(name, "{{.Id}}")
        self.assertNotEqual(self.traces(ident), "")
        self.engine.check("rm", "-f", name)
        self.assertEqual(wait_for(lambda: [self.traces(ident)], 5, "")[0], "")

    def traces(self, ident):
        """Where a container still shows: cgroups, mounts, state of the runtime."""
        return self.engine.place.run(
            "/bin/sh", "-c", f"find /sys/fs/cgroup /run /var/lib/holdfast -name '*{ident}*'; grep {ident} /proc/mounts;"
            "true").out

    def test_many_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            runs = list(pool.map(lambda n: self.engine("run", "--rm", self.engine.image, "sh", "-c", f"echo {n}; exit {n}"),
                                 range(12)))
        self.assertEqual([(run.out, run.status) for run in runs], [(str(n), n) for n in range(12)], str(runs[0]))


class RootContract(Contract):
    """What needs cgroups, or the machine's network."""

    # --- limits ---

    def test_the_memory_limit(self):
        name = self.start("--memory", "64m", "--memory-swap", "64m")
        self.assertEqual(self.limit(name, "memory/memory.limit_in_bytes", "memory.max"), str(64 << 20))

    def test_a_process_that_takes_too_much_memory_is_killed(self):
        name = self.start("--memory", "24m", "--memory-swap", "24m",
                          script="head -c 100m /dev/zero | tail -c 90m | wc -c; exit 0")
        # the hog is killed; the shell reports what is left
        self.assertEqual(self.engine.check("wait", name), "0")
        self.assertNotIn(str(90 << 20), self.engine.check("logs", name))

    def test_the_memory_limit_kills_the_first_process(self):
        self.assert_status(137, "run", "--rm", "--memory", "24m", "--memory-swap", "24m", self.engine.image,
                           "sh", "-c", "exec tail -c 90m /dev/zero")

    def test_the_cpu_limits(self):
        name = self.start("--cpus", "0.5", "--cpuset-cpus", "0", "--cpu-shares", "512")
        place, pid = self.engine.place, self.engine.pid(name)
        quota = place.cgroup_value(pid, "cpu/cpu.cfs_quota_us", "cpu.max").split()[0]
        self.assertEqual(quota, "50000")
        self.assertEqual(place.cgroup_value(pid, "cpuset/cpuset.cpus", "cpuset.cpus"), "0")
        self.assertIn(place.cgroup_value(pid, "cpu/cpu.shares", "cpu.weight"), ("512", "20"))

    def test_the_number_of_processes_is_limited(self):
        name = self.start("--pids-limit", "12")
        self.assertEqual(self.limit(name, "pids/pids.max", "pids.max"), "12")
        shown = self.engine("exec", name, "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13; do sleep 2 & done")
        self.assertIn("can't fork", shown.err)

    def test_devices_are_denied_unless_given(self):
        shown = self.sh("mknod /tmp/d c 10 237 && (: </tmp/d) 2>&1 || true", "--cap-add", "MKNOD").rsplit(": ", 1)[-1]
        self.assertEqual(shown, "Operation not permitted")
        shown = self.sh("stat -c %t:%T /dev/given; (: </dev/given) && echo opened; (: >/dev/given) 2>&1 || true",
                        "--device", "/dev/loop-control:/dev/given:r").splitlines()
        self.assertEqual(shown[:2], ["a:ed", "opened"])
        self.assertIn("Operation not permitted", shown[2])

    def test_pause_stops_everything(self):
        name = self.start(script="while :; do date +%s%N >/tmp/t; sleep 0.05; done")
        self.engine.check("pause", name)
        self.assertEqual(self.state(name, "Paused"), "true")
        root = f"/proc/{self.engine.pid(name)}/root/tmp/t"
        first = self.engine.place.read(root)
        time.sleep(0.4)
        self.assertEqual(self.engine.place.read(root), first)
        self.engine.check("unpause", name)
        wait_for(lambda: self.engine.place.read(root) != first, 10, "the thaw")

    def test_stats(self):
        name = self.start()
        shown = self.engine.check("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}} {{.PIDs}}", name)
        self.assertRegex(shown, rf"^{name} \d+(\.\d+)?\w+ / \d.* [1-9]\d*$")

    # --- network ---

    def test_no_network(self):
        self.assertEqual(self.sh("ls /sys/class/net", "--network", "none"), "lo")

    def test_the_host_s_network(self):
        self.assertIn("up0", self.sh("ls /sys/class/net", "--network", "host").split())

    def test_a_published_port(self):
        name = self.start("-p", "127.0.0.1:18080:80", script="while :; do echo served | nc -l -p 80; done")
        self.assertIn("127.0.0.1:18080", self.engine.check("port", name))
        fetch = ("/usr/bin/python3", "-c", "import socket; s = socket.create_connection(('127.0.0.1', 18080), 5);"
                 "print(s.recv(99).decode(), end='')")
        wait_for(lambda: self.engine.place.run(*fetch).out == "served", 10, "an answer on the port")

    def test_containers_reach_each_other(self):
        name = self.start(script="while :; do echo hello | nc -l -p 7000; done")
        address = self.engine.inspect(name, "{{.NetworkSettings.IPAddress}}")
        self.assertRegex(address, r"^\d+\.\d+\.\d+\.\d+$")
        shown = self.sh(f"for i in 1 2 3 4 5 6 7 8; do nc -w 2 {address} 7000 && break; sleep 0.3; done")
        self.assertEqual(shown, "hello")

    def test_another_container_s_namespaces(self):
        name = self.start("--ipc", "shareable", "--hostname", "first")
        kinds = "for n in net ipc pid; do readlink /proc/self/ns/$n; done"
        shown = self.sh(kinds, "--network", f"container:{name}", "--ipc", f"container:{name}", "--pid", f"container:{name}")
        self.assertEqual(shown, self.engine.check("exec", name, "sh", "-c", kinds))

    def test_the_host_s_pid_and_ipc_namespaces(self):
        shown = self.sh("readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc", "--pid", "host", "--ipc", "host").split()
        own = self.engine.place.check("/bin/readlink", "/proc/self/ns/pid", "/proc/self/ns/ipc").split()
        self.assertEqual(shown, own)

    # --- the rest ---

    def test_a_restart_policy(self):
        name = self.start("--restart", "on-failure:2", script="exit 1")
        wait_for(lambda: self.engine.inspect(name, "{{.RestartCount}} {{.State.Running}}") == "2 false", 20, "two restarts")

    def test_building_an_image(self):
        self.addCleanup(self.engine, "rmi", "-f", "built:1")
        file = (f"FROM {self.engine.image}\nRUN id -u >/who && mkdir -p /a/b && chown 1000:1000 /a\nUSER 1000\n"
                "RUN id -u >/a/as\nCMD cat /who /a/as\n")
        self.engine.place.write("/var/build/Dockerfile", file)
        self.engine.check("build", "-t", "built:1", "/var/build", timeout=120)
        self.assertEqual(self.engine.check("run", "--rm", "built:1"), "0\n1000")

    def test_a_failing_build_step_fails_the_build(self):
        self.engine.place.write("/var/broken/Dockerfile", f"FROM {self.engine.image}\nRUN exit 5\n")
        result = self.engine("build", "/var/broken", timeout=120)
        self.assertNotEqual(result.status, 0)
        self.assertRegex(result.out + result.err, r"(code|status):? 5\b")

    def test_updating_limits(self):
        name = self.start("--memory", "64m", "--memory-swap", "64m")
        self.engine.check(*self.update_command(name))
        self.assertEqual(self.limit(name, "memory/memory.limit_in_bytes", "memory.max"), str(96 << 20))

    def update_command(self, name):
        return ("update", "--memory", "96m", "--memory-swap", "96m", name)

    def test_the_prefix_of_the_failure_is_the_engine_s(self):
        """A runtime's refusal reaches the user as one message, status 125 to 127."""
        result = self.engine("run", "--rm", "-w", "/etc/passwd", self.engine.image, "true")
        self.assertIn(result.status, (125, 126, 127))
        self.assertTrue(re.search(r"not a directory", result.err, re.I), str(result))
