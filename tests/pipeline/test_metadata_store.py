"""What keeps the metadata store from being used."""

import pytest

from model.errors import TryAgainError
from pipeline.metadata_store import require_unlocked, said_if_unusable
from pipeline.runs import read_runs


@pytest.mark.parametrize("said", ["Concurrent writes aborted after max number of retries.", "database is locked"])
def test_a_store_that_another_process_has_locked_is_not_called_broken(tmp_path, said):
    message = (
        r"store\.sqlite must be free to be used, and another process has locked it; try again when that has ended\."
    )
    with pytest.raises(TryAgainError, match=message), said_if_unusable(tmp_path / "store.sqlite"):
        raise RuntimeError(said)


@pytest.mark.e2e
def test_runs_are_not_called_broken_while_the_store_is_locked(workspace, judge, locked_store):
    judge("20260101T000000Z-aaaa", "NEEDS_REVIEW")
    locked_store()
    with pytest.raises(TryAgainError, match="must be free to be used, and another process has locked it"):
        read_runs(workspace)  # ml_metadata tries for half a minute by itself


def test_a_store_that_is_free_or_none_is_let_through(workspace, judge, tmp_path):
    judge("20260101T000000Z-aaaa", "NEEDS_REVIEW")
    require_unlocked(workspace.metadata_file)
    (tmp_path / "text").write_text("no database\n" * 1000)
    require_unlocked(tmp_path / "text")


def test_a_lock_is_waited_for_no_longer_than_said(workspace, judge, locked_store):
    judge("20260101T000000Z-aaaa", "NEEDS_REVIEW")
    locked_store()
    with pytest.raises(TryAgainError, match="another process has locked it"):
        require_unlocked(workspace.metadata_file, wait_seconds=0.01)
