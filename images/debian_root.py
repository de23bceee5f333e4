"""A clean Debian with a Python in /usr/local, in a folder: what `python:3.10-slim-bookworm` is, without an engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_SUITE = "bookworm"
# The libraries that Python's own modules are linked with, and what the slim image has besides.
_PACKAGES = (
    "ca-certificates",
    "libbz2-1.0",
    "libffi8",
    "liblzma5",
    "libncursesw6",
    "libreadline8",
    "libsqlite3-0",
    "libssl3",
    "libuuid1",
    "netbase",
    "tzdata",
    "zlib1g",
)
# As Debian's slim images do.
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
# How this machine reaches the network; an engine has settings of its own for it.
_HANDED_ON = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_INDEX_URL")
_HANDED_ON = (*_HANDED_ON, "UV_DEFAULT_INDEX", "UV_INDEX_URL")

# Namespaces of its own, so that nothing stays mounted and no process stays behind, however it ends.
_ENTER = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc")
_MOUNT = (
    'mount --rbind /dev "$1/dev"; mount --rbind /sys "$1/sys"; mount -t proc proc "$1/proc";'
    ' mkdir -p "$1$3"; cd /; root=$1 user=$2 folder=$3; shift 3;'
    ' exec chroot --userspec="$user" "$root" "$@"'
)


class NotPossibleError(Exception):
    """This machine lacks rights or a program; the message says which."""


def require_rights() -> None:
    """Checks that this process may mount and change its root.

    Raises:
      NotPossibleError: it may not.
    """
    if os.geteuid() != 0:
        raise NotPossibleError(
            "A Debian root is made by root; run this as root, or as `unshare --map-root-user --map-auto …`, which needs"
            " newuidmap (on Debian and Ubuntu, install uidmap)."
        )
    for program in ("unshare", "chroot", "apt-get", "dpkg-deb", "perl"):
        if shutil.which(program) is None:
            raise NotPossibleError(f"The program {program} is needed, and was not found; run this on Debian or Ubuntu.")
    tried = subprocess.run([*_ENTER, "mount -t tmpfs none /mnt"], capture_output=True, text=True, check=False)
    if tried.returncode:
        raise NotPossibleError(f"A Debian root needs the right to mount, and it is refused: {tried.stderr.strip()}")


def make(root: Path) -> None:
    """Makes a Debian with this process' Python in /usr/local, and pip.

    Raises:
      NotPossibleError: Debian's packages cannot be fetched, or this Python cannot be copied, or does not start there.
    """
    with tempfile.TemporaryDirectory(prefix="mmdebstrap-") as tools:
        path = _with_mmdebstrap(Path(tools))
        options = [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
        _called(
            ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={','.join(_PACKAGES)}"]
            + [*options, "--dpkgopt=force-unsafe-io", _SUITE, str(root)],
            {**os.environ, "PATH": path},
        )
    for name in ("resolv.conf", "hosts"):
        shutil.copyfile(f"/etc/{name}", root / "etc" / name)
    if own := os.environ.get("SSL_CERT_FILE"):
        shutil.copyfile(own, root / _CERTIFICATES[1:])
    _copy_python(root)


def run(
    root: Path, command: Sequence[str], user: str = "0", folder: str = "/", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a command in a root, with an environment of its own, and returns how it ended and what it said.

    Args:
      root: Made by `make`.
      command: The program and its arguments.
      user: The number of a user, who is in the group of the same number.
      folder: Where it runs, within the root; it is made if it is not there.
      environment: Variables, besides PATH, HOME and what says how this machine reaches the network.
    """
    variables = {
        "PATH": _PATH,
        "HOME": "/root" if user == "0" else "/home/w2v2",
        "SSL_CERT_FILE": _CERTIFICATES,
        "PIP_CERT": _CERTIFICATES,
        **{name: os.environ[name] for name in _HANDED_ON if name in os.environ},
        **(environment or {}),
    }
    inside = ["env", "-i", f"--chdir={folder}", *(f"{name}={value}" for name, value in variables.items()), *command]
    return subprocess.run(
        [*_ENTER, _MOUNT, "sh", str(root), f"{user}:{user}", folder, *inside],
        capture_output=True,
        text=True,
        check=False,
    )


def _with_mmdebstrap(folder: Path) -> str:
    """Returns a search path with mmdebstrap, which is unpacked where it is not installed."""
    if shutil.which("mmdebstrap"):
        return os.environ["PATH"]
    try:
        _called(["apt-get", "download", "mmdebstrap"], dict(os.environ), folder)
    except NotPossibleError:
        # A machine whose lists of packages were thrown away.
        _called(["apt-get", "update"], dict(os.environ))
        _called(["apt-get", "download", "mmdebstrap"], dict(os.environ), folder)
    _called(["dpkg-deb", "--extract", *map(str, folder.glob("*.deb")), str(folder)], dict(os.environ))
    return f"{folder}/usr/bin:{os.environ['PATH']}"


def _copy_python(root: Path) -> None:
    """Copies the Python that this process' environment is made from; it must stand in a folder of its own."""
    prefix = Path(sys.base_prefix)
    if prefix in (Path("/usr"), Path("/usr/local")):
        raise NotPossibleError(
            f"This Python is the system's, in {prefix}, and cannot be copied alone; use pyenv or uv."
        )
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    left_out = shutil.ignore_patterns("site-packages", "test", "tests", "__pycache__", "*.a", "tcl*", "tk*")
    for name in ("lib", "include"):
        shutil.copytree(prefix / name, root / "usr/local" / name, symlinks=True, dirs_exist_ok=True, ignore=left_out)
    # Its scripts name the place that it comes from.
    shutil.copy2(prefix / "bin" / version, root / "usr/local/bin")
    (root / "usr/local/lib" / version / "site-packages").mkdir()
    for name in ("python", "python3"):
        (root / "usr/local/bin" / name).symlink_to(version)
    for command in (["ldconfig"], ["python", "-m", "ensurepip"]):
        tried = run(root, command)
        if tried.returncode:
            raise NotPossibleError(f"{prefix} must run on Debian's {_SUITE}, and does not: {tried.stderr.strip()}")


def _called(command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=folder)
    if done.returncode:
        raise NotPossibleError(f"`{' '.join(command)}` failed: {done.stderr.strip()[-500:]}")
