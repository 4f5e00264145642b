"""Language runtimes: python3, node, OpenJDK."""

import unittest

from apps.case import Application

NODE = """
const http = require('http'), crypto = require('crypto'), zlib = require('zlib');
const { Worker } = require('worker_threads'), { execFileSync } = require('child_process');
const code = new Uint8Array([0,97,115,109,1,0,0,0,1,7,1,96,2,127,127,1,127,3,2,1,0,7,7,1,3,97,100,100,0,0,10,9,1,7,0,32,0,32,1,106,11]);
let hot = 0;
for (let i = 0; i < 3e6; ++i) hot = (hot + i * 7) % 1000003;   // long enough for the JIT compiler
const server = http.createServer((request, response) => response.end(zlib.gzipSync('hello'))).listen(0, '127.0.0.1', () =>
  http.get({ port: server.address().port }, (response) => {
    const parts = [];
    response.on('data', (part) => parts.push(part)).on('end', async () => {
      const text = zlib.gunzipSync(Buffer.concat(parts)).toString();
      const wasm = (await WebAssembly.instantiate(code)).instance.exports.add(40, 2);
      const fromWorker = await new Promise((done) => new Worker(
        'require("worker_threads").parentPort.postMessage(7 * 6)', { eval: true }).on('message', done));
      const child = execFileSync('/bin/echo', ['child']).toString().trim();
      const hash = crypto.createHash('sha256').update('x').digest('hex').slice(0, 8);
      console.log([text, wasm, fromWorker, child, hash, hot].join(' '));
      server.close();
    });
  }));
"""
JAVA = """
import java.util.stream.*;
public class Main {
  public static void main(String[] arguments) throws Exception {
    var sum = IntStream.rangeClosed(1, 3_000_000).parallel().mapToLong(i -> i).sum();
    var child = new ProcessBuilder("/bin/echo", "child").start();
    System.out.println(sum + " " + new String(child.getInputStream().readAllBytes()).trim());
    if (arguments.length > 0) Thread.sleep(600_000);
  }
}
"""


class Python(Application, unittest.TestCase):
    """python3's own tests of processes, terminals, memory maps, files and more; a pool of processes."""

    image = "python3"
    MODULES = ("test_json", "test_subprocess", "test_mmap", "test_tempfile", "test_epoll", "test_struct", "test_zlib",
               "test_pty", "test_fcntl", "test_memoryview", "test_dbm")

    def work(self, container):
        result = container.run("python3", "-m", "test", "-j2", "-q", *self.MODULES, user="nobody", timeout=400,
                               env={"HOME": "/tmp"})
        self.assertEqual(result.status, 0, f"{result.out[-3000:]}\n{result.err[-2000:]}")
        shown = container.check("python3", "-c", "import multiprocessing as m, hashlib, ctypes, socket\n"
                                "with m.Pool(2) as pool: print(sum(pool.map(abs, range(-100, 0))))")
        self.assertEqual(shown, "5050")


class Node(Application, unittest.TestCase):
    """node: an HTTP server and client, a worker, WebAssembly, a child, the JIT compiler."""

    image = "node"

    def work(self, container):
        container.write("/tmp/main.js", NODE)
        self.assertEqual(container.check("node", "/tmp/main.js"), "hello 42 42 child 2d711642 315")


class OpenJdk(Application, unittest.TestCase):
    """OpenJDK: javac, java, and jcmd and jstack by exec on a running one."""

    image = "openjdk"

    def work(self, container):
        container.write("/tmp/Main.java", JAVA)
        container.sh("cd /tmp && javac Main.java")
        self.assertEqual(container.check("java", "-cp", "/tmp", "Main"), "4500001500000 child")
        container.sh("cd /tmp && (java -cp /tmp Main stay >/tmp/out 2>&1 &)")
        container.until(lambda: "child" in container.check("cat", "/tmp/out"), "the program")
        pid = container.sh("jcmd -l | awk '$2 == \"Main\" { print $1 }'")
        self.assertIn("OpenJDK", container.check("jcmd", pid, "VM.version"))
        self.assertIn("Metaspace", container.check("jcmd", pid, "GC.heap_info"))
        self.assertIn('"main"', container.check("jstack", pid))
        container.check("jcmd", pid, "GC.run")
