"""Servers: nginx, redis, PostgreSQL, MariaDB, sshd with sudo."""

import unittest

from apps.case import Application, Container


class Nginx(Application, unittest.TestCase):
    """nginx, started as root, its workers as www-data; `nginx -s reload` by exec."""

    image = "nginx"
    command = ("nginx", "-g", "daemon off;")
    # DAC_OVERRIDE: the logs belong to www-data. KILL: so do the workers that a reload ends.
    needs = {"restricted": tuple(f"capabilities:{name}" for name in ("CHOWN", "DAC_OVERRIDE", "KILL", "SETGID", "SETUID"))}
    breaks = {"restricted": r"chown\(.*Operation not permitted"}

    def work(self, container):
        container.until(lambda: container.fetch(80)[0] == 200, "an answer")
        for _ in range(5):
            self.assertIn("nginx", container.fetch(80)[1])
        self.assertEqual(container.fetch(81)[0], 0)
        container.write("/etc/nginx/conf.d/second.conf", "server { listen 81; return 200 reloaded; }")
        container.check("nginx", "-s", "reload")
        container.until(lambda: container.fetch(81) == (200, "reloaded"), "the new configuration")
        owners = container.sh("cat /proc/[0-9]*/status | grep -A9 '^Name:.nginx' | grep ^Uid | cut -f 2 | sort -u")
        self.assertEqual(owners.split(), ["0", "33"])
        self.assertEqual(container.stop("QUIT"), 0)


class NginxOfAUser(Application, unittest.TestCase):
    """nginx as www-data from the start, port 8080."""

    image = "nginx"
    options = ("--user", "www-data")
    command = ("sh", "-c", "mkdir /tmp/n && printf 'pid /tmp/n/pid; error_log /dev/stderr; events {}\n"
               "http { access_log off; client_body_temp_path /tmp/n/b; proxy_temp_path /tmp/n/p;\n"
               "fastcgi_temp_path /tmp/n/f; uwsgi_temp_path /tmp/n/u; scgi_temp_path /tmp/n/s;\n"
               "server { listen 8080; root /var/www/html; } }' >/tmp/n/conf && exec nginx -c /tmp/n/conf -g 'daemon off;'")

    def work(self, container):
        container.until(lambda: container.fetch(8080, "/index.nginx-debian.html")[0] == 200, "an answer")
        container.check("nginx", "-c", "/tmp/n/conf", "-s", "reload")
        container.until(lambda: container.fetch(8080, "/index.nginx-debian.html")[0] == 200, "an answer")
        self.assertEqual(container.stop("QUIT"), 0)


class Redis(Application, unittest.TestCase):
    """redis as its own user: set and get, redis-benchmark, a snapshot."""

    image = "redis"
    options = ("--user", "redis", "--workdir", "/var/lib/redis")
    command = ("redis-server", "--dir", "/var/lib/redis", "--save", "")

    def work(self, container):
        container.until(lambda: container.run("redis-cli", "ping").out == "PONG", "PONG")
        container.check("redis-cli", "set", "key", "value")
        self.assertEqual(container.check("redis-cli", "get", "key"), "value")
        shown = container.check("redis-benchmark", "-q", "-n", "5000", "-c", "10", "-t", "set,get,lpush")
        self.assertEqual(shown.count("requests per second"), 3)
        container.check("redis-cli", "bgsave")
        container.until(lambda: container.run("test", "-s", "/var/lib/redis/dump.rdb").status == 0, "the snapshot")
        self.assertEqual(container.stop("TERM"), 0)


class PostgreSql(Application, unittest.TestCase):
    """PostgreSQL as its own user: initdb, a query, pgbench."""

    image = "postgresql"
    options = ("--user", "postgres", "--env", "PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin", "--env", "PGHOST=/tmp")
    command = ("sh", "-ec", "initdb -D /var/lib/postgresql/data -E UTF8 --locale C >/dev/null; "
               "exec postgres -D /var/lib/postgresql/data -k /tmp")

    def work(self, container):
        container.until(lambda: container.run("pg_isready").status == 0, "the server")
        self.assertEqual(container.check("psql", "-Atc", "select sum(n) from generate_series(1, 1000) n"), "500500")
        container.check("pgbench", "-i", "-s", "1", "-q")
        shown = container.check("pgbench", "-c", "4", "-j", "2", "-t", "50")
        self.assertIn("number of transactions actually processed: 200/200", shown)
        # Parallel workers share memory by /dev/shm.
        self.assertEqual(container.check("psql", "-Atc", "set min_parallel_table_scan_size = 0; set parallel_setup_cost = 0;"
                                         "select count(*) from pgbench_accounts").splitlines()[-1], "100000")
        self.assertEqual(container.stop("INT"), 0)


class PostgreSqlOfRoot(PostgreSql):
    """PostgreSQL whose container starts as root and becomes postgres, as the official image does."""

    options = PostgreSql.options[2:]
    command = ("sh", "-ec", "mkdir -m 700 /run/db && chown postgres /run/db && exec setpriv --reuid postgres "
               "--regid postgres --init-groups sh -ec 'initdb -D /run/db/data -E UTF8 --locale C >/dev/null; "
               "exec postgres -D /run/db/data -k /tmp'")
    needs = {"restricted": tuple(f"capabilities:{name}" for name in ("CHOWN", "SETGID", "SETUID"))}
    breaks = {"restricted": "chown: .*Operation not permitted"}

    def work(self, container):
        container.until(lambda: container.run("pg_isready").status == 0, "the server")
        self.assertEqual(container.check("psql", "-Atc", "select 6 * 7", user="postgres"), "42")
        self.assertEqual(container.stop("INT"), 0)


class MariaDb(Application, unittest.TestCase):
    """MariaDB as its own user; without io_uring it falls back by itself."""

    image = "mariadb"
    options = ("--user", "mysql")
    command = ("sh", "-ec", "mariadb-install-db --auth-root-authentication-method=normal >/dev/null; "
               "exec mariadbd --socket=/tmp/socket --pid-file=/tmp/pid --skip-networking")

    def work(self, container):
        client = ("mariadb", "-u", "root", "-S", "/tmp/socket", "-D", "test", "-N", "-B", "-e")
        container.until(lambda: container.run(*client, "select 1").out == "1", "the server")
        container.check(*client, "create table t (n int primary key, s text) engine=innodb;"
                        "insert into t select seq, repeat('x', 1000) from seq_1_to_5000; flush tables t for export")
        self.assertEqual(container.check(*client, "select sum(n), sum(length(s)) from t"), "12502500\t5000000")
        self.assertEqual(container.stop("TERM"), 0)


class Ssh(Application, unittest.TestCase):
    """sshd, a login over the network, sudo and su inside."""

    image = "ssh"
    command = ("/usr/sbin/sshd", "-D", "-e")
    needs = {"restricted": (*(f"capabilities:{name}" for name in ("AUDIT_WRITE", "CHOWN", "SETGID", "SETUID", "SYS_CHROOT")),
                            "noNewPrivileges")}
    breaks = {"restricted": "a login: not within"}

    def work(self, container):
        with Container("ssh", "sleep", "infinity", runtime="runc") as client:
            login = ("ssh", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=5",
                     f"worker@{container.address}")
            container.until(lambda: client.run(*login, "true").status == 0, "a login", seconds=15)
            self.assertEqual(client.check(*login, "id -un"), "worker")
            self.assertEqual(client.check(*login, "sudo -n id -u"), "0")
            self.assertEqual(client.check(*login, "sudo -n cat /etc/shadow | grep -c ^root"), "1")
            self.assertEqual(client.check(*login, "sudo -n su worker -c 'id -un'"), "worker")
            # A terminal: sshd takes one from the container's own devpts.
            self.assertIn("/dev/pts/", client.check(*login[:1], "-tt", *login[1:], "tty"))
            client.sh(f"echo data >/tmp/f; scp -q -o StrictHostKeyChecking=no /tmp/f worker@{container.address}:/tmp/g")
            self.assertEqual(container.check("cat", "/tmp/g"), "data")
