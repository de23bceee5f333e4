"""The table of all error rates."""

import re

from components.wer_evaluator.report.rates import rates_section
from tests.evaluated import evaluated, transcripts


def cells(section):
    rows = re.findall(r"<tr>(<td>.*?)</tr>", section)
    return [re.findall(r"<td>(.*?)</td>", row) for row in rows]


def test_raw_stands_beside_normalised_and_the_baseline_below():
    said = {"1-1-0001": "Yes it is", "1-1-0002": "no"}
    metrics, _ = evaluated(
        {"test-a": transcripts(said)},
        {"1-1-0001": "yes it is", "1-1-0002": "no"},
        {"1-1-0001": "yes", "1-1-0002": "no no"},
    )
    section = rates_section(metrics)
    found = cells(section)
    assert [row[1:4] for row in found] == [
        ["this model", "normalised", "<strong>0.00\u00a0%</strong>"],
        ["this model", "raw", "25.00\u00a0%"],
        ["latest blessed model", "normalised", "<strong>75.00\u00a0%</strong>"],
        ["latest blessed model", "raw", "100.00\u00a0%"],
    ]
    # Substitutions, deletions, insertions, words, wrong utterances.
    assert found[2][-5:] == ["0", "2", "1", "4", "2 (100.0\u00a0%)"]
    assert found[0][4] == "0.00 to 0.00\u00a0%"
    assert found[1][4] == ""
    assert re.search(r"Normalised by <code>librispeech</code>, sha256 <code>[0-9a-f]{16}</code>", section)
    assert "bootstrap over utterances" in section
