"""The picture of duration against error."""

import re

import pytest

from components.wer_evaluator.report.durations import durations_section


def row(seconds, errors, words=4, before=None, split="test-a"):
    found = {"split": split, "seconds": seconds, "words": {"errors": errors, "words": words}}
    return found if before is None else {**found, "baseline_words": {"errors": before}}


def dots(section):
    """Places by size."""
    return {
        float(size): [tuple(map(float, at)) for at in re.findall(r"M([\d.]+) ([\d.]+)h0", path)]
        for size, path in re.findall(r'class="dots" stroke-width="([\d.]+)" d="([^"]*)"', section)
    }


def line(section, kind):
    found = re.search(rf'<polyline class="line {kind}" points="([^"]*)"', section)
    assert found is not None
    return [tuple(map(float, pair.split(","))) for pair in found[1].split()]


def test_utterances_lie_where_they_belong_and_equal_ones_are_one_larger_dot():
    rows = [row(1.0, 0)] * 97 + [row(10.0, 2)] * 3 + [row(5.0, 9), row(3.0, 1, words=0)]
    section = durations_section(rows)
    found = dots(section)
    ((left, bottom),), ((right, half),), ((middle, top),) = found[12.24], found[5.04], found[3.24]
    assert (right - left) / (middle - left) == pytest.approx(9 / 4, abs=0.1)
    # The scale goes to 60 %, and 225 % stands at its top.
    assert re.findall(r'text-anchor="end">(\d+)</text>', section)[:4] == ["0", "20", "40", "60"]
    assert (bottom - half) / (bottom - top) == pytest.approx(50 / 60, abs=0.02)
    assert "1 without a word or a duration are left out." in section
    assert 'class="line line-1"' not in section


def test_the_line_is_the_rate_of_tenths_of_the_test_set():
    rows = [row(1.0 + number, int(number >= 50), before=1) for number in range(100)]
    section = durations_section(rows)
    ours, theirs = line(section, "line-0"), line(section, "line-1")
    assert len(ours) == len(theirs) == 10
    assert len({y for _, y in ours[:5]}) == 1
    assert len({y for _, y in ours[5:]}) == 1
    assert ours[0][1] > ours[9][1] == theirs[9][1]
    assert "1.0 to 10.0 s: 0.0\u00a0%" in section
    assert "91.0 to 100.0 s: 25.0\u00a0%" in section


def test_many_utterances_make_a_small_picture(test_other):
    _, rows = test_other
    section = durations_section(rows)
    assert len(section) < 40_000
    assert section.count("<svg") == 1


def test_every_split_has_a_plot_and_nothing_is_said():
    assert durations_section([row(1.0, 0, split="a"), row(1.0, 1, split="b")]).count("<svg") == 2
    assert durations_section([]) == "<p>There is no utterance with a duration and a word.</p>"
