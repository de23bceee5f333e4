"""Which utterances are shown, and which can be heard."""

import pytest

from components.wer_evaluator.report.selection import MAX_AUDIO_SECONDS, audio_ids, select

COMPARED = {"baseline": {"same": False, "error": None}}


def row(name, errors, before=None, seconds=5.0, words=10):
    found = {"utterance_id": name, "seconds": seconds, "words": {"errors": errors, "words": words}}
    return found if before is None else {**found, "baseline_words": {"errors": before}}


def names(rows):
    return [one["utterance_id"] for one in rows]


def test_the_worst_the_most_regressed_and_the_most_improved():
    rows = [row("a", 0, 3), row("b", 4, 4), row("c", 2, 1), row("d", 4, 1, words=5), row("e", 0, 0), row("f", 1, 2)]
    found = select(COMPARED, rows)
    assert names(found.worst) == ["d", "b", "c", "f"]
    assert names(found.regressed) == ["d", "c"]
    assert names(found.improved) == ["a", "f"]
    assert audio_ids(COMPARED, rows) == ("d", "b", "c", "f")


@pytest.mark.parametrize("baseline", [None, {"same": True}, {"same": False, "error": "gone"}])
def test_without_a_baseline_that_was_measured_nothing_is_compared(baseline):
    found = select({"baseline": baseline}, [row("a", 1, 0)])
    assert (found.is_compared, found.regressed, found.improved) == (False, (), ())
    assert names(found.worst) == ["a"]


def test_sound_is_as_much_as_fits_the_worst_and_the_most_regressed_by_turns():
    rows = [row(f"w{number}", 9, 9, seconds=100.0) for number in range(4)]
    rows += [row(f"r{number}", 5, 0, seconds=100.0) for number in range(4)]
    rows += [row("short", 4, 4, seconds=2.0)]
    chosen = audio_ids(COMPARED, rows)
    assert chosen == ("w0", "r0", "w1", "r1", "short")
    assert sum(one["seconds"] for one in rows if one["utterance_id"] in chosen) <= MAX_AUDIO_SECONDS


def test_lists_and_sound_are_bounded(test_other):
    metrics, rows = test_other
    found = select(metrics, rows)
    assert (len(found.worst), len(found.regressed), len(found.improved)) == (15, 12, 6)
    assert all(one["words"]["errors"] > one["baseline_words"]["errors"] for one in found.regressed)
    chosen = audio_ids(metrics, rows)
    assert set(chosen) <= set(names(found.worst)) | set(names(found.regressed))
    assert len(chosen) == len(set(chosen))
