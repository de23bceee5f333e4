"""The evaluations so far."""

import re

from components.evaluation.history import SHOWN_EVALUATIONS, PastEvaluation, history_section


def past(number, values, **changes):
    return PastEvaluation(f"run-{number}", f"2026-01-{number:02d}T00:00:00+00:00", "ACCEPT", "WER", values, **changes)


def test_the_latest_stands_first_and_lines_go_from_the_oldest():
    section = history_section(
        [
            past(1, {"test-a": 0.4, "test-b": 0.5}),
            past(2, {"test-a": 0.2}, decision="approved by jane@host: Yes."),
            past(3, {"test-a": 0.1, "test-b": None}, is_this=True),
        ]
    )
    runs = re.findall(r"<code>(run-\d)</code>( \(this report\))?", section)
    assert runs == [("run-3", " (this report)"), ("run-2", ""), ("run-1", "")]
    cells = re.findall(r"<td>([^<]*)</td>", section)
    assert cells[1:3] == ["10.0\u00a0%", "–"]
    assert "<td>approved by jane@host: Yes.</td>" in section
    assert '<th scope="col">WER, test-b</th>' in section
    (line, single) = re.findall(r'<polyline class="line (line-\d)" points="([^"]*)"', section)
    assert (line[0], single[0]) == ("line-0", "line-1")
    points = [tuple(map(float, pair.split(","))) for pair in line[1].split()]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert points[0][1] < points[1][1] < points[2][1]
    assert len(single[1].split()) == 1
    assert "test-a: from 40 to 10" in section


def test_one_evaluation_is_no_line():
    section = history_section([past(1, {"test-a": 0.4}, is_this=True)])
    assert "<svg" not in section
    assert "40.0\u00a0%" in section


def test_another_measure_is_no_percentage():
    both = [
        PastEvaluation(
            f"run-{number}", "2026", "NEEDS_REVIEW", "contrastive loss, nats", {"validation": 1.25}, is_this=number == 2
        )
        for number in (1, 2)
    ]
    section = history_section(both)
    assert "<td>1.25</td>" in section
    assert '<span class="outcome needs-review">needs review</span>' in section
    assert "<figcaption>contrastive loss, nats, evaluation by evaluation</figcaption>" in section


def test_older_ones_are_not_shown_and_it_is_said():
    section = history_section([past(1, {"test-a": 0.4}) for _ in range(SHOWN_EVALUATIONS + 3)])
    assert section.count("<tr>") == SHOWN_EVALUATIONS + 1
    assert "3 older ones are not shown." in section


def test_this_one_stands_where_it_is():
    def labels(places, this):
        values = [past(number, {"test-a": 0.1 * number}, is_this=number == this) for number in range(1, places + 1)]
        found = re.findall(r'<text class="tick" x="([\d.]+)" y="182"[^>]*>([^<]+)</text>', history_section(values))
        return {label: float(place) for place, label in found}

    assert labels(9, 9) == {"oldest": 40.0, "this one": 350.0}
    assert labels(9, 5) == {"oldest": 40.0, "this one": 195.0, "latest": 350.0}
    assert labels(9, 1) == {"this one": 40.0, "latest": 350.0}
    assert labels(9, 2) == {"this one": 78.8, "latest": 350.0}, "the oldest has no room beside it"
    assert labels(9, None) == {"oldest": 40.0, "latest": 350.0}
