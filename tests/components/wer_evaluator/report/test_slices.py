"""Plots and tables by slice."""

import re

import pytest

from components.wer_evaluator.report.slices import difference_section, slices_section
from tests.evaluated import large


def figures(section):
    return re.findall(r"<figure><figcaption>([^<]*)</figcaption>(.*?)</figure>", section)


def rows(figure):
    """Label, position of estimate and the text at the right, of each row."""
    return re.findall(
        r"<g class=\"(\w+)\"><title>[^<]*</title><text [^>]*>([^<]*)</text>.*?"
        r"<circle class=\"estimate\" cx=\"([\d.]+)\".*?<text [^>]*>([^<]*)</text></g>",
        figure,
    )


def test_slices_of_a_kind_are_drawn_beside_the_baseline(compared):
    section = slices_section(compared[0])
    by_title = dict(figures(section))
    # One subset is everything, and is not drawn.
    assert list(by_title) == ["Gender, test-a", "Duration, test-a", "Speaking rate, test-a", "Speaker, test-a"]
    women, men = rows(by_title["Gender, test-a"])
    assert (women[1], women[3]) == ("F", "22.22\u00a0%")
    assert (men[1], men[3]) == ("M", "22.22\u00a0%")
    assert women[2] == men[2]
    assert by_title["Gender, test-a"].count('class="beside"') == 2
    assert "latest blessed model" in section
    assert section.count("<td>gender=F</td>") == 1
    assert "<td>speaking rate=" in section


def test_alone_there_is_no_other_dot_and_no_legend(alone):
    section = slices_section(alone[0])
    assert 'class="beside"' not in section
    assert "latest blessed" not in section


def test_of_many_speakers_the_worst_are_drawn_and_all_are_listed():
    metrics, _ = large(200)
    section = slices_section(metrics)
    by_title = dict(figures(section))
    drawn = rows(by_title["Speaker: the worst 16 of 33, test-other"])
    speakers = {
        part["value"]: part["words"]["wer"]
        for part in metrics["splits"]["test-other"]["slices"]
        if part["kind"] == "speaker"
    }
    worst = sorted(speakers, key=lambda speaker: -speakers[speaker])[:16]
    assert [row[1] for row in drawn] == worst
    assert [float(row[2]) for row in drawn] == sorted((float(row[2]) for row in drawn), reverse=True)
    assert section.count("<td>speaker=") == 33
    assert "Among the slices of test-other with words enough, the worst is" in section


def test_differences_stand_around_zero_and_are_coloured_where_the_interval_is_on_one_side(compared):
    metrics, _ = compared
    found = metrics["splits"]["test-a"]
    part = found["slices"][0]

    def with_difference(value, low, high):
        difference = {**part["difference"], "value": value, "interval": {"low": low, "high": high, "unit": "speaker"}}
        return {**part, "kind": "gender", "value": f"{value:g}", "difference": difference}

    slices = [
        with_difference(-0.02, -0.03, -0.01),
        with_difference(0.02, 0.01, 0.03),
        with_difference(0.01, -0.01, 0.03),
    ]
    section = difference_section({**metrics, "splits": {"test-a": {**found, "slices": slices}}})
    by_title = dict(figures(section))
    assert list(by_title) == ["Everything, test-a", "Gender, test-a"]
    better, worse, unsure = rows(by_title["Gender, test-a"])
    assert (better[0], better[3]) == ("good", "−2.00")
    assert (worse[0], worse[3]) == ("bad", "+2.00")
    assert (unsure[0], unsure[3]) == ("plain", "+1.00")
    zero = re.search(r'class="through" x1="([\d.]+)"', by_title["Gender, test-a"])
    assert zero is not None
    middle = (float(better[2]) + float(worse[2])) / 2
    assert float(zero[1]) == pytest.approx(middle, abs=0.2)
    assert "In 2 utterances of test-a this model has fewer errors, in 2 more." in section
