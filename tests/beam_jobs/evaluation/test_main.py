"""The job alone, as a program."""

import json

import pytest

from beam_jobs.evaluation.__main__ import main


def test_it_says_what_came_out_of_each_way(examples, release, tmp_path, capsys):
    output = tmp_path / "out"
    arguments = ["--examples", str(examples), "--release", str(release), "--output", str(output)]
    assert main([*arguments, "--split", "test-b", "--way", "batched", "--way", "onnx"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told) == ["test-b"]
    assert (told["test-b"]["utterances"], told["test-b"]["onnx"]["words"]) == (8, 24)
    assert told["test-b"]["onnx"]["wer"] == told["test-b"]["batched"]["wer"] > 0
    lines = [line for path in (output / "heard").iterdir() for line in path.read_text().splitlines()]
    assert len(lines) == 8
    assert all(set(json.loads(line)["by_way"]) == {"batched", "onnx"} for line in lines)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--split", "test-x"], 3, "--split must be one of test-a, test-b, the splits of"),
        (["--way", "beam_search"], 2, "The way 'beam_search' decodes by beam search, which needs a language model"),
        (["--runner", "DaskRunner"], 2, "--runner must be DirectRunner or DataflowRunner, not DaskRunner."),
        (["--release", "nowhere"], 3, "saved_model must be a SavedModel with the signature 'transcribe'"),
    ],
)
def test_a_mistake_ends_in_one_sentence(examples, release, tmp_path, capsys, arguments, code, message):
    given = ["--examples", str(examples), "--release", str(release), "--output", str(tmp_path / "out"), *arguments]
    assert main(given) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1
