"""The files of an evaluation, as a program reads them."""

import json
import shutil

import pytest

from components.evaluation.files import write_files
from components.evaluation.gate import Check
from components.evaluation.reading import read_evaluation_files
from model.errors import DataError
from tests.evaluated import decision, evaluated, transcripts

SAID = {"1-1-0": "one two three", "1-1-1": "four five", "2-1-0": "six seven eight nine"}
HEARD = {"1-1-0": "one too three", "1-1-1": "for fife", "2-1-0": "six seven eight nine"}


@pytest.fixture
def directory(tmp_path):
    metrics, rows = evaluated({"test-a": transcripts(SAID)}, HEARD)
    judged = decision(Check("speed", "FAIL", "Too slow.", 1, 2), Check("people", "REVIEW", "A person decides.", 1, 0))
    write_files(tmp_path / "evaluation", judged, metrics, rows, "<p>page</p>")
    return tmp_path / "evaluation"


def test_what_an_evaluation_says(directory):
    found = read_evaluation_files(directory)
    assert found.gate is not None
    assert found.gate["verdict"] == "REJECT"
    assert [check["verdict"] for check in found.checks] == ["FAIL", "REVIEW", "PASS", "PASS", "NOT APPLICABLE"]
    assert [check["name"] for check in found.checks[:3]] == ["speed", "people", "data_anomalies"]
    whole, *slices = found.slices("test-a")
    assert (whole["kind"], whole["value"], whole["words"]["wer"]) == ("", "test-a", pytest.approx(3 / 9))
    assert {one["kind"] for one in slices} >= {"gender", "speaker"}
    assert found.report_file.read_text() == "<p>page</p>"


def test_the_worst_utterances_have_the_most_errors(directory):
    worst = read_evaluation_files(directory).worst(2)
    assert [(row["utterance_id"], row["words"]["errors"]) for row in worst] == [("1-1-1", 2), ("1-1-0", 1)]
    assert len(read_evaluation_files(directory).worst(9)) == 3


def test_one_without_a_gate_has_no_checks(directory):
    (directory / "gate.json").unlink()
    found = read_evaluation_files(directory)
    assert (found.gate, found.checks) == (None, ())


def test_a_split_that_is_not_there_is_said(directory):
    with pytest.raises(DataError, match="The split must be one of test-a, .*, not 'test-b'"):
        read_evaluation_files(directory).slices("test-b")


@pytest.mark.parametrize(
    "spoil",
    [
        shutil.rmtree,
        lambda root: (root / "utterances.jsonl").unlink(),
        lambda root: (root / "metrics.json").write_text("[]"),
        lambda root: (root / "metrics.json").write_text('{"splits": {"a": {}}}'),
        lambda root: (root / "gate.json").write_text('{"checks": [{"verdict": "MAYBE"}]}'),
        lambda root: (root / "gate.json").write_text("{"),
        lambda root: (root / "utterances.jsonl").write_text(json.dumps({"reference": "a"}) + "\n"),
        lambda root: (root / "utterances.jsonl").write_bytes(b"\xff\n"),
    ],
)
def test_what_is_none_is_said_in_a_sentence(directory, spoil):
    spoil(directory)
    with pytest.raises(DataError, match="An evaluation must hold metrics.json and utterances.jsonl .* does not"):
        read_evaluation_files(directory)
