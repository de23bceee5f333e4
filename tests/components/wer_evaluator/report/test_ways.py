"""What the ways of running a release are told of."""

import html
import re

from components.wer_evaluator.report.ways import silence_section, ways_section
from tests.evaluated import evaluated, transcripts


def cells(section):
    return [
        [
            html.unescape(re.sub(r"<[^>]*>", "", cell)).replace("\u00a0", " ")
            for cell in re.findall(r"<td>(.*?)</td>", row)
        ]
        for row in re.findall(r"<tr>(<td>.*?)</tr>", section)
    ]


def test_every_way_is_held_against_the_first(alone):
    metrics, rows = alone
    ways = dict(metrics["ways"])
    ways["constant"] = {
        **ways["constant"], "wer": {"test-a": 0.25}, "wer_difference": {"test-a": 0.0278}, "text_agreement": 0.8,
        "largest_logit_difference": float("inf"),
    }  # fmt: skip
    # A document that was read has its keys in the order of the alphabet.
    found = cells(ways_section({**metrics, "ways": dict(sorted(ways.items()))}, rows))
    assert found[0] == ["batched by length", "greedy", "none", "5", "22.22 %", "100.00 %", "–"]
    assert found[1][4:] == ["22.22 % (0.00)", "100.00 %", "1.5e-05"]
    assert found[2] == [
        "alone, padded to a constant length", "greedy", "to 246,000 samples", "5", "25.00 % (+2.78)", "80.00 %",
        "infinite",
    ]  # fmt: skip
    assert found[4][:2] == ["batched, beam search with a language model", "beam search"]
    assert found[5] == ["alone", "42.5 ×", "0.05 s", "0.11 s", "5"]
    assert found[7] == ["SavedModel", "6.4 MB"]
    assert found[8] == ["ONNX", "5.3 MB"]


def test_texts_that_differ_are_shown_and_a_language_models_are_not():
    metrics, rows = evaluated(
        {"test-a": transcripts({"1-1-0001": "a b", "1-1-0002": "c"})}, {"1-1-0001": "a b", "1-1-0002": "c"}
    )
    assert "Other texts" not in ways_section(metrics, rows)
    rows[0]["texts"] = {"batched": "a b", "onnx": "a <i>", "beam_search": "another"}
    section = ways_section(metrics, rows)
    assert "<td><code>1-1-0001</code></td><td>ONNX, alone</td><td>a &lt;i&gt;</td><td>a b</td>" in section
    assert "another" not in section


def test_a_way_that_alone_differs_needs_no_text_of_the_first():
    metrics, rows = evaluated({"test-a": transcripts({"1-1-0001": "a b"})}, {"1-1-0001": "a b"})
    rows[0]["texts"] = {"onnx": "a c"}
    assert "<td>a c</td><td>a b</td>" in ways_section(metrics, rows)


def test_more_texts_than_are_shown_are_said():
    said = {f"1-1-{number:04d}": "a b" for number in range(12)}
    metrics, rows = evaluated({"test-a": transcripts(said)}, said)
    for row in rows:
        row["texts"] = {"onnx": "a c"}
    section = ways_section(metrics, rows)
    assert section.count("<td>a c</td>") == 10
    assert "More utterances have another text." in section


def test_what_is_heard_in_noise_is_marked(alone):
    found = cells(silence_section(alone[0]))
    assert found == [["digital silence", "5.0", "nothing", "nothing"], ["white noise", "5.0", "A", "no numbers"]]
    assert '<span class="outcome fail">A</span>' in silence_section(alone[0])
    assert "was run through the model" in silence_section({})
