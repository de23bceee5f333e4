"""`w2v2 score` as a person meets it."""

import hashlib
import json
import xml.etree.ElementTree as ET

import pytest

from pipeline import cli


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    """Runs the command in a directory of transcripts; returns exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    names = [f"{speaker}-1-{number:04d}" for speaker in range(6) for number in range(10)]
    texts = {
        "short": "the cat sat on the mat",
        "ref": "the cat sat on the mat and slept",
        "hyp": "the cat sat on a mat and slept",
        "base": "the hat sat on a mat slept \N{ESCAPE}[31m<b>[bold]",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.tsv").write_text("".join(f"{one}\t{text}\n" for one in names), encoding="utf-8")
    (tmp_path / "half.tsv").write_text("".join(f"{one}\ta\n" for one in names[:30]))
    (tmp_path / "more.tsv").write_text("".join(f"{one}\ta\n" for one in [*names, "x"]))
    (tmp_path / "twice.tsv").write_text("a\tx\na\ty\n")
    (tmp_path / "latin.tsv").write_bytes(b"a\tcaf\xe9\n")
    (tmp_path / "anonymous.tsv").write_text("\ttext\n")
    (tmp_path / "silent.tsv").write_text("a\nb\n")
    (tmp_path / "ref.csv").write_text("a,b\n")

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            cli.main(["score", *arguments])
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return run


def test_a_system_alone(call):
    code, out, err = call("--ref", "ref.tsv", "--hyp", "hyp.tsv")
    assert (code, err) == (0, "")
    assert "60 utterances, 6 speakers, 480 words; normaliser librispeech" in out
    assert "the ids, which are like LibriSpeech's, tell who spoke." in out
    rows = [line.split() for line in out.splitlines()]
    assert ["WER", "12.50", "%"] in rows
    assert ["substitutions", "60"] in rows
    assert ["deletions", "0"] in rows
    assert ["CER", "9.38", "%"] in rows
    assert ["utterances", "with", "an", "error", "100.00", "%"] in rows
    assert "the → a 60×" in out
    assert "Against the baseline" not in out
    assert "and 1 more speakers, with lower rates" in out


def test_beside_a_baseline(call):
    code, out, _ = call("--ref", "ref.tsv", "--hyp", "hyp.tsv", "--baseline", "base.tsv", "--margin", "0.01")
    assert code == 0
    rows = [" ".join(line.split()) for line in out.splitlines()]
    assert "WER 12.50 % 50.00 %" in rows
    assert "difference of the WER 37.50 points better" in rows
    assert "95 % interval −37.50 points to −37.50 points, by speakers" in rows
    assert "probability of improvement 100.00 %" in rows
    assert "better, worse 60, 0 utterances" in rows
    assert "margin of 1.00 points within; upper bound −37.50 points of the one-sided 95 % interval" in rows
    assert any(row.startswith("matched pairs (MAPSSWE) z = -") for row in rows)
    assert any(row.startswith("smallest detectable 0.00 points") for row in rows)


GATE = ("--max-wer", "0.2", "--margin", "0.01", "--max-deletion-increase", "0.01")


def test_a_gate_that_passes(call):
    code, out, err = call("--ref", "ref.tsv", "--hyp", "hyp.tsv", "--baseline", "base.tsv", *GATE)
    assert (code, err) == (0, "")
    rows = [" ".join(line.split()) for line in out.splitlines()]
    assert any(row.startswith("✓ max_wer/ref 12.5 % ≤ 20.0 %") for row in rows)
    assert any(row.startswith("✓ non_inferiority/ref −37.50 points ≤ 1.00 points") for row in rows)
    assert any(row.startswith("✓ deletions/ref 0.00 points ≤ 1.00 points") for row in rows)
    assert "Accepted: the transcripts meet all that is asked for." in out
    assert "blessed" not in out


@pytest.mark.parametrize(
    ("systems", "gate", "failed"),
    [
        (("hyp", "base"), ("--max-wer", "0.12"), ["max_wer/ref"]),
        (("base", "hyp"), ("--margin", "0.01"), ["non_inferiority/ref"]),
        (
            ("short", "hyp"),
            ("--max-wer", "0.9", "--max-slice-wer", "0.1", "--max-deletion-increase", "0.1"),
            ["worst_slice/ref", "deletions/ref"],
        ),
    ],
)
def test_a_gate_that_fails_ends_in_4(call, systems, gate, failed):
    system, baseline = (f"{name}.tsv" for name in systems)
    given = ("--ref", "ref.tsv", "--hyp", system, "--baseline", baseline, *gate)
    code, out, err = call(*given)
    assert (code, err) == (4, "")
    assert "Rejected: the transcripts do not meet what is asked for." in out
    code, out, _ = call(*given, "--json")
    document = json.loads(out)
    assert (code, document["gate"]["verdict"]) == (4, "REJECT")
    assert [one["name"] for one in document["gate"]["checks"] if one["verdict"] == "FAIL"] == failed


def test_subsets_have_ceilings_of_their_own(call, tmp_path):
    lines = (tmp_path / "ref.tsv").read_text().splitlines()
    rows = [f"{line}\ttest-{'ab'[int(line[0]) % 2]}\n" for line in lines]
    (tmp_path / "parted.tsv").write_text("id\ttext\tsubset\n" + "".join(rows))
    given = ("--ref", "parted.tsv", "--hyp", "hyp.tsv")
    code, out, _ = call(*given, "--max-wer", "test-a=0.2", "--max-wer", "test-b=0.1", "--json")
    verdicts = {one["name"]: one["verdict"] for one in json.loads(out)["gate"]["checks"]}
    assert (code, verdicts["max_wer/test-a"], verdicts["max_wer/test-b"]) == (4, "PASS", "FAIL")
    code, _, err = call(*given, "--max-wer", "test-a=0.2", "--max-wer", "test-c=0.1")
    assert code == 2
    assert "must be one fraction, or name each subset of the references, test-a, test-b, not test-a, test-c." in err


def test_the_files_of_an_evaluation_are_written(call, tmp_path):
    given = ("--ref", "ref.tsv", "--hyp", "base.tsv", "--baseline", "hyp.tsv")
    code, out, _ = call(*given, *GATE, "--output", "found")
    assert code == 4
    assert out.splitlines()[-1] == "  Report: found/report.html"
    names = ["gate.json", "gate.junit.xml", "metrics.json", "report.html", "utterances.jsonl"]
    assert sorted(path.name for path in (tmp_path / "found").iterdir()) == names
    gate = json.loads((tmp_path / "found" / "gate.json").read_text())
    assert gate["verdict"] == "REJECT"
    assert gate["model_digest"] == hashlib.sha256((tmp_path / "base.tsv").read_bytes()).hexdigest()
    (suite,) = ET.parse(tmp_path / "found" / "gate.junit.xml").getroot()
    assert suite.get("failures") == str(sum(one["verdict"] == "FAIL" for one in gate["checks"]))
    metrics = json.loads((tmp_path / "found" / "metrics.json").read_text())
    assert metrics["splits"]["ref"]["words"]["wer"] == 0.5
    assert not metrics.keys() & {"ways", "speed", "sizes", "silence", "leakage", "anomalies", "training"}
    rows = [json.loads(line) for line in (tmp_path / "found" / "utterances.jsonl").read_text().splitlines()]
    assert (len(rows), rows[0]["split"], rows[0]["speaker_id"]) == (60, "ref", "0")
    page = (tmp_path / "found" / "report.html").read_text()
    assert "Rejected: the transcripts do not meet what is asked for." in page
    assert "Difference from the baseline" in page
    assert "<b>[bold]" not in page
    for absent in ("Silence", "Ways of running", "Speed", "Promised by ingest", "blessed", "Duration against error"):
        assert absent not in page, absent
    # Without a gate there is no file of one, and what was there before is gone.
    code, _, _ = call(*given, "--output", "found")
    assert code == 0
    assert not {"gate.json", "gate.junit.xml"} & {path.name for path in (tmp_path / "found").iterdir()}
    assert "No gate was asked for." in (tmp_path / "found" / "report.html").read_text()


def test_what_is_not_ours_is_not_replaced(call, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.txt").write_text("x")
    code, _, err = call("--ref", "ref.tsv", "--hyp", "hyp.tsv", "--output", "own")
    assert code == 2
    assert "own" in err
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["thesis.txt"]


def test_what_came_from_data_does_not_write_to_the_terminal(call):
    _, out, _ = call("--ref", "ref.tsv", "--hyp", "base.tsv")
    assert "<b>[bold]" in out
    assert "\N{ESCAPE}" not in out


def test_json_is_one_document(call):
    code, out, err = call("--ref", "ref.tsv", "--hyp", "hyp.tsv", "--baseline", "base.tsv", "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["files"] == {"ref": "ref.tsv", "hyp": "hyp.tsv", "baseline": "base.tsv"}
    assert (document["words"]["wer"], document["baseline"]["words"]["errors"]) == (0.125, 240)
    assert document["baseline"]["non_inferiority"] is None
    assert document["normaliser"]["name"] == "librispeech"
    assert len(document["slices"]) == 6


def test_the_normaliser_is_chosen_by_name(call, tmp_path):
    (tmp_path / "loud.tsv").write_text((tmp_path / "ref.tsv").read_text().upper())
    _, out, _ = call("--ref", "ref.tsv", "--hyp", "loud.tsv", "--normaliser", "none", "--json")
    assert json.loads(out)["words"]["wer"] == 1.0
    _, out, _ = call("--ref", "ref.tsv", "--hyp", "loud.tsv", "--json")
    assert (json.loads(out)["words"]["wer"], json.loads(out)["raw"]["words"]["wer"]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--hyp", "half.tsv"], 3, "The hypotheses must have a line for each of the 60 utterances of the references"),
        (["--hyp", "more.tsv"], 3, "The hypotheses must be of utterances that the references have, and they have no x"),
        (["--hyp", "hyp.tsv", "--baseline", "half.tsv"], 3, "The hypotheses of the baseline must have a line for each"),
        (["--hyp", "twice.tsv"], 3, "An id must occur once in a file, and a is in lines 1 and 2 of twice.tsv"),
        (["--hyp", "latin.tsv"], 3, "Transcripts must be UTF-8 text, and line 1 of latin.tsv holds the byte 0xe9"),
        (["--hyp", "anonymous.tsv"], 3, "A line must have the id first, then a tab and the text, and line 1 of"),
        (["--hyp", "ref.csv"], 3, "A file of transcripts must be a .tsv, LibriSpeech's .trans.txt or sclite's .trn"),
        (["--ref", "silent.tsv", "--hyp", "silent.tsv"], 3, "The references must hold at least one word, and the 2"),
        (["--hyp", "nowhere.tsv"], 2, "A file of transcripts must be a file that exists, and nowhere.tsv is none"),
        (["--hyp", "hyp.tsv", "--normaliser", "x"], 2, "A normaliser must be one of none, librispeech, unpunctuated"),
        (["--hyp", "hyp.tsv", "--margin", "0.1"], 2, "--margin says how much worse than --baseline a system may be"),
        (["--hyp", "hyp.tsv", "--max-deletion-increase", "0.1"], 2, "--max-deletion-increase says how much worse than"),
        (["--hyp", "hyp.tsv", "--max-slice-wer", "0.1"], 2, "--max-slice-wer must stand beside --max-wer or --margin"),
        (["--hyp", "hyp.tsv", "--max-wer", "low"], 2, "--max-wer must be one fraction, such as 0.05, or one for each"),
        (["--hyp", "hyp.tsv", "--max-wer", "0.1", "--max-wer", "0.2"], 2, "--max-wer must be one fraction, such as"),
        (["--hyp", "hyp.tsv", "--max-wer", "50"], 2, "gate.max_wer must be a fraction, 0.1 for 10 %, not 50"),
        (["--hyp", "hyp.tsv", "--max-wer", "x=0.1"], 2, "--max-wer must be one fraction, or name each subset of the"),
        (
            ["--hyp", "hyp.tsv", "--baseline", "hyp.tsv", "--margin", "50"],
            2,
            "margin must be a difference of fractions",
        ),
    ],
)
def test_a_mistake_ends_in_one_sentence(call, arguments, code, message):
    given = arguments if "--ref" in arguments else ["--ref", "ref.tsv", *arguments]
    got, out, err = call(*given)
    assert (got, out) == (code, "")
    assert err.startswith(f"✗ {message}")
    assert err.count("\n") == 1
    got, out, err = call(*given, "--json")
    assert (got, err) == (code, "")
    assert json.loads(out)["exit_code"] == code


def test_files_must_be_named(call):
    code, _, err = call("--ref", "ref.tsv")
    assert code == 2
    assert "--hyp" in err
