"""Does the source distribution hold what the repository does, and nothing else? Run in the repository, as `make check` does."""

import subprocess
import sys
import tarfile
from pathlib import Path

(archive,) = sys.argv[1:]
with tarfile.open(archive) as sdist:
    files = {Path(*Path(member.name).parts[1:]).as_posix(): member.size for member in sdist.getmembers() if member.isfile()}
listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.splitlines()
expected = {name for name in listed if not name.startswith(".ci/") and Path(name).exists()} | {"PKG-INFO"}
assert set(files) == expected, f"lacks {sorted(expected - set(files))}, holds besides {sorted(set(files) - expected)}"
size = sum(files.values()) / 2**20
assert size < 40, f"it holds {size:.0f} MiB"
print(f"sdist: {len(files)} files, {size:.0f} MiB, those of the repository")
