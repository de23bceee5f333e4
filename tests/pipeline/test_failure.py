import errno

import pytest

from model.errors import DataError, DiskFullError, UsageError
from pipeline.failure import explain


def while_handling(inner, outer):
    outer.__context__ = inner
    return outer


def caused_by(inner, outer):
    outer.__cause__ = inner
    return outer


def test_an_error_of_ours_is_its_own_sentence():
    failure = explain(DataError("Audio must be mono; it has 2 channels; mix it down."))
    assert (failure.exit_code, failure.expected) == (3, True)
    assert failure.message == "Audio must be mono; it has 2 channels; mix it down."


@pytest.mark.parametrize("wrap", [while_handling, caused_by])
def test_an_error_of_ours_is_found_below_what_frameworks_raise(wrap):
    failure = explain(wrap(UsageError("Choose another name."), RuntimeError("executor failed")))
    assert (failure.message, failure.exit_code) == ("Choose another name.", 2)


def test_beams_step_is_not_shown():
    error = DataError("Audio must be mono. [while running 'WriteShards/ParDo(Write)']")
    assert explain(error).message == "Audio must be mono."


def test_the_outermost_of_ours_is_told():
    failure = explain(caused_by(UsageError("inner"), DataError("outer")))
    assert (failure.message, failure.exit_code) == ("outer", 3)


@pytest.mark.parametrize(
    "cause",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("RESOURCE_EXHAUSTED: /x/y; No space left on device"),
        RuntimeError("mysql_query failed: errno: 13, database or disk is full"),
    ],
)
def test_a_full_disk_is_told_whatever_else_it_made_fail(cause):
    failure = explain(caused_by(cause, DataError("Bad.")), "/data/workspace", "go on with w2v2 run --resume")
    assert failure.exit_code == 75
    assert failure.message == (
        "The file system under /data/workspace is full; free some space there and go on with w2v2 run --resume, or"
        " begin anew with --workspace on another disk."
    )


def test_a_full_disk_that_was_named_keeps_its_sentence():
    error = caused_by(OSError(errno.ENOSPC, "No space left"), DiskFullError("The file system under /a/b is full."))
    assert explain(error).message == "The file system under /a/b is full."


def test_what_nobody_foresaw_is_named_by_type_and_first_line():
    failure = explain(KeyError("speaker"))
    assert (failure.exit_code, failure.expected, failure.message) == (1, False, "KeyError: 'speaker'")
    assert explain(ValueError("first\nsecond")).message == "ValueError: first"
    assert explain(ValueError()).message == "ValueError"
    assert len(explain(ValueError("x" * 5000)).message) < 400


def test_a_chain_that_bites_its_tail_ends():
    first, second = ValueError("a"), ValueError("b")
    first.__context__, second.__context__ = second, first
    assert explain(first).message == "ValueError: a"
