"""The test images, made here: no registry is asked.

    archive(directory)   # -> path of an archive with BUSYBOX and PAUSE, for `docker load`,
                         #    `podman load`, `ctr images import`

The archive has both the OCI layout and the older docker-archive index over the same blobs.
"""

import hashlib
import io
import json
import os
import subprocess
import tarfile

BUSYBOX = "docker.io/holdfast-test/busybox:1"
PAUSE = "docker.io/holdfast-test/pause:1"

PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\nuser:x:1000:1000::/home:/bin/sh\n"
GROUP = "root:x:0:\nnogroup:x:65534:\nuser:x:1000:\nextra:x:2000:user\n"
DIRECTORIES = ("bin", "dev", "etc", "home", "proc", "root", "run", "sbin", "sys", "tmp", "usr/bin", "var/tmp")


def _add(tar, name, data=None, *, mode=0o755, link=None):
    entry = tarfile.TarInfo(name)
    entry.mode = mode
    if link is not None:
        entry.type, entry.linkname = tarfile.SYMTYPE, link
    elif data is None:
        entry.type = tarfile.DIRTYPE
    else:
        entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data) if data else None)


def layer():
    """One uncompressed layer: busybox under all its names, the users root, nobody and user."""
    applets = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for directory in DIRECTORIES:
            for depth in range(1, directory.count("/") + 2):
                _add(tar, "/".join(directory.split("/")[:depth]), mode=0o1777 if "tmp" in directory else 0o755)
        with open("/bin/busybox", "rb") as binary:
            _add(tar, "bin/busybox", binary.read())
        for applet in applets.stdout.split():
            if applet != "busybox":
                _add(tar, f"bin/{applet}", link="busybox")
        _add(tar, "etc/passwd", PASSWD.encode(), mode=0o644)
        _add(tar, "etc/group", GROUP.encode(), mode=0o644)
    return out.getvalue()


class _Layout:
    def __init__(self):
        self.blobs = {}

    def blob(self, data):
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        digest = hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data
        return {"digest": f"sha256:{digest}", "size": len(data)}


def archive(directory):
    layout, manifests, index = _Layout(), [], []
    layer_blob = layout.blob(layer())
    for reference, command in ((BUSYBOX, ["/bin/sh"]), (PAUSE, ["/bin/sleep", "2147483647"])):
        config = layout.blob({
            "architecture": os.uname().machine.replace("x86_64", "amd64").replace("aarch64", "arm64"), "os": "linux",
            "config": {"Env": ["PATH=/bin:/sbin:/usr/bin:/usr/sbin"], "Cmd": command},
            "rootfs": {"type": "layers", "diff_ids": [layer_blob["digest"]]},
            "history": [{"created_by": "holdfast's tests"}]})
        manifest = layout.blob({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **layer_blob}]})
        manifests.append({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", **manifest,
            "annotations": {"org.opencontainers.image.ref.name": reference.rsplit(":", 1)[1],
                            "io.containerd.image.name": reference}})
        index.append({"Config": f"blobs/sha256/{config['digest'][7:]}", "RepoTags": [reference],
                      "Layers": [f"blobs/sha256/{layer_blob['digest'][7:]}"]})
    path = os.path.join(directory, "images.tar")
    with tarfile.open(path, mode="w") as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}', mode=0o644)
        _add(tar, "index.json", json.dumps({"schemaVersion": 2, "manifests": manifests}).encode(), mode=0o644)
        _add(tar, "manifest.json", json.dumps(index).encode(), mode=0o644)
        for digest, data in layout.blobs.items():
            _add(tar, f"blobs/sha256/{digest}", data, mode=0o644)
    return path
