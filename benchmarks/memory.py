"""Memory that a process has taken."""

from pathlib import Path


def peak_memory() -> int:
    """Return the largest resident set of this process in bytes (Linux; getrusage would begin with that of its parent)."""
    return 1024 * int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
