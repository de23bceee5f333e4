"""`w2v2 evaluate` as a person meets it."""

import dataclasses
import json
import math
from pathlib import Path

import pytest

from beam_jobs.evaluation import tables
from model.checkpoint import convert_checkpoint
from model.export import obtain
from model.export.build import export_release
from model.export.settings import ReleaseSettings
from pipeline import cli

GOLDEN = Path(__file__).parents[1] / "golden" / "wav2vec2"


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    root = tmp_path_factory.mktemp("release")
    convert_checkpoint(GOLDEN / "layer_pre_norm", root / "model")
    export_release(root / "model", root / "release", ReleaseSettings(), ("saved_model", "checkpoint"))
    return root / "release"


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    """Runs the command in an empty directory; returns exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("W2V2_WORKSPACE", str(tmp_path / "workspace"))
    # In this process, which takes less time.
    monkeypatch.setattr(obtain, "build_release", export_release)

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            cli.main(["evaluate", *map(str, arguments)])
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def corpus(make_corpus):
    return make_corpus({"train-a": ["1", "2"], "test-clean": ["3", "4"], "test-b": ["5"]})


def test_both_tables_of_a_release(call, release, corpus, tmp_path):
    code, out, err = call(release, "--corpus", corpus, "--padding", "both", "--pad-to", "9000")
    assert (code, err) == (0, "")
    assert "test-b: 3 utterances, 9 words, 0.6 s of speech\n" in out
    published = "of the 2,620 utterances and 52,576 words that were published"
    assert f"test-clean: 6 utterances, 18 words, 1.2 s of speech, {published}\n" in out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines.count("Padding WER 95 % interval same text logits speed") == 2
    for padding in ("masked", "unmasked"):
        for way in ("alone", "padded to 9,000", "in batches"):
            assert len([line for line in lines if line.startswith(f"{padding}, {way} ")]) == 2
    assert [line for line in lines if line.startswith("masked, padded to 9,000 ") and " 100.00 % " in line]
    assert "Intervals draw utterances." in out
    assert "baseline" not in out
    # Nothing of it stays.
    assert list((tmp_path / "workspace" / "staging").iterdir()) == []


def test_beams_flags_run_the_jobs_in_a_place_that_is_left_as_it_was(call, release, corpus, tmp_path):
    given = [release, "--corpus", corpus, "--split", "test-b", "--pad-to", "4000", "--staging", "shared"]
    code, out, err = call(*given, "--", "--direct_num_workers=1")
    assert (code, err) == (0, "")
    assert "test-b: 3 utterances, 9 words" in out
    assert list((tmp_path / "shared").iterdir()) == []


def test_beside_a_baseline_as_one_document(call, release, corpus):
    arguments = ["--corpus", corpus, "--split", "test-b", "--baseline", release, "--pad-to", "4000"]
    code, out, err = call(GOLDEN / "group_post_norm", *arguments, "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert list(document["splits"]) == ["test-b"]
    assert (document["model"]["kind"], document["baseline"]["kind"]) == ("checkpoint", "release")
    assert document["same_model"] is False
    (alone, *_) = document["splits"]["test-b"]["rows"]
    difference = alone["score"]["words"]["wer"] - alone["score"]["baseline"]["words"]["wer"]
    assert alone["score"]["baseline"]["difference"]["value"] == pytest.approx(difference)


def test_a_model_beside_itself_is_said(call, release, corpus):
    code, out, _ = call(release, "--corpus", corpus, "--split", "test-b", "--baseline", release, "--pad-to", "4000")
    assert code == 0
    assert "Against the baseline" not in out
    assert "points" not in out
    assert "The baseline is the same model: nothing is compared." in out


def test_logits_that_are_no_numbers_are_no_number_in_the_document(call, release, corpus, monkeypatch):
    table = tables.make_tables

    def infinite(*arguments):
        return [
            dataclasses.replace(
                one, rows=tuple(dataclasses.replace(row, largest_logit_difference=math.inf) for row in one.rows)
            )
            for one in table(*arguments)
        ]

    monkeypatch.setattr("beam_jobs.evaluation.evaluate.make_tables", infinite)
    code, out, _ = call(release, "--corpus", corpus, "--split", "test-b", "--pad-to", "4000", "--json")
    assert code == 0
    document = json.loads(out, parse_constant=pytest.fail)
    assert {row["largest_logit_difference"] for row in document["splits"]["test-b"]["rows"]} == {None}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere", "--corpus", "corpus"], 2, "--checkpoint must be a directory or a file that exists, or hf://owner"),
        (["MODEL", "--corpus", "nowhere"], 2, "--corpus must be 'synthetic', subsets of LibriSpeech such as"),
        (["MODEL", "--corpus", "corpus", "--split", "x"], 3, "--split must be one of test-b, test-clean, train, "),
        (["MODEL", "--corpus", "corpus", "--padding", "x"], 2, "--padding must be masked, unmasked or both, not 'x'."),
        (["MODEL", "--corpus", "corpus", "--config", "x"], 2, "--config must be one of librispeech_100h, "),
        (
            ["MODEL", "--corpus", "corpus", "--pad-to", "399"],
            2,
            "--pad-to must be at least 400 samples, not 399.",
        ),
        (
            ["MODEL", "--corpus", "corpus", "--language-model", "x"],
            2,
            "A language model must be a file in the ARPA format, and x is none; name another.",
        ),
        (
            ["MODEL", "--corpus", "corpus", "--workers", "2", "--", "--direct_num_workers=2"],
            2,
            "Either --workers or Beam's flags must say what runs the job, not both; leave one out.",
        ),
        (["MODEL", "--corpus", "corpus", "--", "--frob"], 2, "Flags behind the job's own must be flags of Beam, and"),
        (["MODEL", "--corpus", "corpus", "--", "--runner=DataflowRunner"], 2, "A job on Dataflow needs --project"),
        (["s3://model", "--corpus", "corpus"], 2, "--checkpoint must be a directory, a file, or hf://owner/name, not"),
    ],
)
def test_a_mistake_ends_in_one_sentence(call, release, corpus, arguments, code, message, tmp_path):
    arguments = [str(release) if argument == "MODEL" else argument for argument in arguments]
    got, out, err = call(*arguments)
    assert got == code
    assert err.startswith(f"✗ {message}")
    assert err.count("\n") == 1
    assert "Traceback" not in out
    got, out, err = call("--json", *arguments)
    assert (got, err) == (code, "")
    assert json.loads(out)["exit_code"] == code
    assert not list((tmp_path / "workspace" / "staging").glob("*"))


def test_a_damaged_recording_is_named(call, release, corpus):
    (corpus / "test-b" / "5" / "7" / "5-7-0001.flac").write_bytes(b"no sound")
    code, _, err = call(release, "--corpus", corpus)
    assert code == 3
    assert "may be rejected, and 1 of 9 were (5-7-0001: " in err


def test_texts_are_compared_as_the_configuration_says(call, release, corpus, tmp_path):
    (tmp_path / "letters.py").write_text(
        "import dataclasses\n"
        "from components.wer_evaluator.settings import EvaluationSettings\n"
        "from pipeline.config import load_config\n"
        "def get_config():\n"
        "    return dataclasses.replace(load_config('local'), evaluation=EvaluationSettings(normaliser='characters'))\n"
    )
    code, out, _ = call(release, "--corpus", corpus, "--split", "test-b", "--config", "letters.py", "--json")
    assert code == 0
    (alone, *_) = json.loads(out)["splits"]["test-b"]["rows"]
    found = alone["score"]
    assert found["normaliser"]["name"] == "characters"
    assert found["words"]["words"] == found["characters"]["characters"] > 9
