"""What modules of long tests share: one finished run of the smoke configuration."""

import shutil

import pytest

from tests.w2v2_command import w2v2


@pytest.fixture(scope="session")
def smoke_workspace(tmp_path_factory):
    """A workspace in which `w2v2 run --config smoke` has been run once, and which nobody changes."""
    root = tmp_path_factory.mktemp("smoke") / "workspace"
    w2v2(root, "run", "--config", "smoke")
    before = times(root)
    yield root
    assert times(root) == before, "a test changed what others only read; use changeable_smoke_workspace"


@pytest.fixture(scope="module")
def changeable_smoke_workspace(smoke_workspace, tmp_path_factory):
    """The same for one module that goes on in it: a copy in its place, which is taken away with the module's end.

    The metadata store and the records of runs name absolute paths, so that a copy is a workspace only at the same
    place. A module that uses this must not use `smoke_workspace`.
    """
    kept = smoke_workspace.with_name("kept")
    smoke_workspace.rename(kept)
    try:
        shutil.copytree(kept, smoke_workspace, symlinks=True)
        yield smoke_workspace
    finally:
        smoke_workspace.rename(tmp_path_factory.mktemp("changed") / "workspace")
        kept.rename(smoke_workspace)


def times(root):
    """Every file below a directory with the time of its last change."""
    return {path.relative_to(root): path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
