"""The images of the applications: Debian's own packages on one small base, made here and kept in build/apps.

    with Docker() as docker:
        name = load(docker, "nginx")          # what `docker run` calls it

The first call bootstraps the base and downloads the packages that all images together need; each image
is made from them when it is first asked for, under runc, so that what fails in a test is not the image.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import weakref

from engines.instance import wait_for
from lib.runtime import REPOSITORY

CACHE = REPOSITORY / "build/apps"
SUITE = "bookworm"
SOURCES = (f"http://deb.debian.org/debian {SUITE}", f"http://deb.debian.org/debian {SUITE}-updates",
           f"http://deb.debian.org/debian-security {SUITE}-security")
LEFT_OUT = ("man", "doc", "locale", "info")
# Where containers reach the packages: docker0's address, see engines/docker.py.
GATEWAY, PORT = "10.88.0.1", 8099
# No service is started: there is no init. Some packages want a place for the manual pages that are left out.
INSTALL = ("mkdir -p /usr/share/man/man1 && printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d && "
           "apt-get -q update && apt-get -q install -y --no-install-recommends")
# apt in a container finds only these packages: nothing leaves the instance.
REPOSITORY_LINE = f"deb [trusted=yes] http://{GATEWAY}:{PORT}/ ./"

# Name: its packages, and what is done to them then.
IMAGES = {
    "nginx": ("nginx-light", ""),
    "redis": ("redis-server redis-tools", ""),
    "postgresql": ("postgresql postgresql-contrib", "rm -rf /var/lib/postgresql/15"),
    "mariadb": ("mariadb-server", "rm -rf /var/lib/mysql/*"),
    "python3": ("python3 libpython3.11-testsuite", ""),
    "node": ("nodejs", ""),
    "openjdk": ("openjdk-17-jdk-headless", ""),
    "ssh": ("openssh-server openssh-client sudo",
            "useradd -m -s /bin/bash worker && echo 'worker ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/worker && "
            "mkdir -p /run/sshd /home/worker/.ssh /root/.ssh && ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519 && "
            "cp /root/.ssh/id_ed25519.pub /home/worker/.ssh/authorized_keys && chown -R worker: /home/worker/.ssh"),
    "debug": ("gdb strace procps", ""),
    # Debian's carries the file capability cap_net_raw+ep.
    "ping": ("iputils-ping", ""),
    "ping-setuid": ("iputils-ping", "setcap -r /bin/ping && chmod u+s /bin/ping"),
    "ping-plain": ("iputils-ping", "setcap -r /bin/ping"),
}
# What the test of `docker build` installs, and so is downloaded too.
BUILD_PACKAGES = "gcc libc6-dev make"

BOOTSTRAP_HOOK = f"""set -e
mkdir -p "$1/var/cache/apt/archives/partial"
chroot "$1" apt-get -q install -y --no-install-recommends --download-only {{packages}}
mv "$1"/var/cache/apt/archives/*.deb {{pool}}/
rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin
echo '{REPOSITORY_LINE}' > "$1/etc/apt/sources.list"
"""


def say(text):
    print(f"apps: {text}", file=sys.stderr, flush=True)


def packages():
    return " ".join([*(names for names, _ in IMAGES.values()), BUILD_PACKAGES])


def bootstrap(directory):
    """base.tar, and pool/ with the packages and their index."""
    pool = directory / "pool"
    pool.mkdir()
    hook = directory / "hook"
    hook.write_text("#!/bin/sh\n" + BOOTSTRAP_HOOK.format(packages=packages(), pool=pool))
    hook.chmod(0o755)
    say("bootstrapping Debian and downloading packages (two or three minutes)")
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
    with open(directory / "log", "wb") as log:
        done = subprocess.run(
            ["/usr/bin/mmdebstrap", "--quiet", "--variant=minbase", *excluded,
             "--aptopt=Acquire::Languages \"none\"", f"--customize-hook={hook} \"$1\"",
             SUITE, str(directory / "base.tar"), *(f"deb {source} main" for source in SOURCES)],
            check=False, env={**os.environ, "TMPDIR": str(directory)}, stdin=subprocess.DEVNULL, stdout=log,
            stderr=log)
    if done.returncode != 0:
        raise AssertionError(f"mmdebstrap failed:\n{(directory / 'log').read_text(errors='replace')[-3000:]}")
    with open(pool / "Packages", "w", encoding="utf-8") as index:
        subprocess.run(["/usr/bin/dpkg-scanpackages", "--multiversion", "."], cwd=pool, check=True,
                       stdout=index, stderr=subprocess.DEVNULL)


def _digest(*texts):
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


@contextlib.contextmanager
def _locked():
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _base():
    """The directory of the base and the packages; made if it is not there."""
    made = CACHE / _digest(*SOURCES, *LEFT_OUT, BOOTSTRAP_HOOK, packages())
    if not made.exists():
        with _locked():
            if not made.exists():
                _make_base(made)
    return made


def _make_base(made):
    for old in CACHE.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
    unfinished = CACHE / "unfinished"
    unfinished.mkdir()
    bootstrap(unfinished)
    unfinished.rename(made)


def reference(name):
    return f"holdfast-apps/{name}:1"


def load(docker, name):
    """Makes an image known to docker; gives its name."""
    if docker("image", "inspect", reference(name)).status == 0:
        return reference(name)
    base = _base()
    if name == "base":
        docker.check("import", base / "base.tar", reference(name), timeout=300)
        return reference(name)
    kept = base / f"{name}-{_digest(INSTALL, *IMAGES[name])}.tar"
    if not kept.exists():
        with _locked():
            if not kept.exists():
                _make(docker, base, name, kept)
    docker.check("load", "-q", "-i", kept, timeout=300)
    return reference(name)


def _make(docker, base, name, kept):
    names, then = IMAGES[name]
    say(f"making image {name}")
    serve_packages(docker)
    docker.check("import", base / "base.tar", reference("base"), timeout=300)
    script = f"{INSTALL} {names}" + (f" && {then}" if then else "") + " && rm -rf /var/lib/apt/lists/*"
    docker.check("run", "--runtime", "runc", "--name", name, "-e", "DEBIAN_FRONTEND=noninteractive",
                 reference("base"), "sh", "-c", script, timeout=900)
    docker.check("commit", name, reference(name), timeout=300)
    docker.check("rm", name)
    unfinished = kept.with_suffix(".unfinished")
    docker.check("save", "-o", unfinished, reference(name), timeout=300)
    unfinished.rename(kept)


_served = weakref.WeakSet()


def serve_packages(docker):
    """A repository of the downloaded packages, which docker's containers reach by HTTP."""
    if docker not in _served:
        docker.place.start("/usr/bin/python3", "-m", "http.server", "--bind", GATEWAY, "--directory",
                           _base() / "pool", str(PORT), log="packages")
        try:
            wait_for(lambda: docker.place.run("/usr/bin/curl", "-sf", f"http://{GATEWAY}:{PORT}/Packages",
                                              "-o", "/dev/null").status == 0, 20, "the repository")
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{docker.place.log_tail('packages')}") from error
        _served.add(docker)
