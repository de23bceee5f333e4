"""The most frequent errors."""

from components.wer_evaluator.report.errors import errors_section
from tests.evaluated import evaluated, transcripts


def test_confusions_deletions_and_insertions_with_their_numbers():
    said = {"1-1-0001": "one cat and that cat", "1-1-0002": "the end"}
    metrics, _ = evaluated({"test-a": transcripts(said)}, {"1-1-0001": "one bat and now that bat", "1-1-0002": "end"})
    section = errors_section(metrics)
    for row in ("<td>cat</td><td>bat</td><td>2</td>", "<td>the</td><td>1</td>", "<td>now</td><td>1</td>"):
        assert row in section
    assert "<h3>" not in section


def test_every_split_has_its_own_and_none_is_said():
    said = {"1-1-0001": "yes"}
    two = {"test-a": transcripts(said), "test-b": transcripts({"1-1-0002": "no"})}
    metrics, _ = evaluated(two, {"1-1-0001": "yes", "1-1-0002": "so"})
    section = errors_section(metrics)
    assert "<h3>test-a</h3><p>There is no error.</p><h3>test-b</h3>" in section
    assert errors_section({}) == "<p>Nothing was measured.</p>"
