"""A Debian kernel in QEMU, and the tests that need one."""
