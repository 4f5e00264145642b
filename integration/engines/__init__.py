"""docker, podman, containerd and its CRI over the runtime under test, each in a place of its own."""
