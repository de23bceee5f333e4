"""The command line as a person meets it: in a process of its own, or called in this one where that is enough."""

import dataclasses
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ml_metadata.metadata_store.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from model.pretrained import TINY
from model.version import __version__
from pipeline.config import load_config
from pipeline.record import RunDirectory, RunRecord, RunRequest
from pipeline.workspace import Workspace


def w2v2(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
        check=False,
    )


def test_help_names_every_command():
    result = w2v2("--help")
    assert result.returncode == 0
    names = (
        "run", "runs", "review", "approve", "reject", "transcribe", "evaluate", "score", "ingest", "convert", "export",
        "push", "doctor", "vertex",
    )  # fmt: skip
    for command in names:
        assert f" {command} " in result.stdout


@pytest.mark.parametrize(
    ("arguments", "package", "extra"),
    [
        (["run"], "tfx", "pipeline"),
        (["ingest", "--corpus", "a", "--output", "b"], "apache_beam", "pipeline"),
        (["convert", "a", "b"], "keras", "train"),
        (["evaluate", "a", "--corpus", "b"], "apache_beam", "pipeline"),
    ],
)
def test_a_command_says_which_packages_it_lacks(call, monkeypatch, arguments, package, extra):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == package else find(name, *rest))
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    message = " ".join(err.split())
    assert f"needs the packages of the extra '{extra}', and {package} is not installed; install" in message
    assert f"wav2vec2-tfx[{extra}]" in message


def test_a_place_that_cannot_be_written_is_said(call, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("x")
    code, out, err = call("convert", TINY, tmp_path / "file" / "model")
    assert (code, out) == (2, "")
    assert f"model must be a directory, and {tmp_path}/file is a file; name a new directory." in " ".join(err.split())

    def refuse(*_):
        raise PermissionError(13, "Permission denied", "/vault")

    monkeypatch.setattr("pipeline.runs.read_runs", refuse)
    code, out, err = call("runs")
    assert (code, out) == (2, "")
    assert "/vault cannot be used: Permission denied; name another place" in " ".join(err.split())


def test_light_commands_import_nothing_heavy(tmp_path):
    with_store = tmp_path / "with-store"
    run_dir = RunDirectory(with_store / "runs" / "20260101T000000Z-aaaa")
    run_dir.create(RunRecord("20260101T000000Z-aaaa", "small", {}, "2026-01-01T00:00:00+00:00"))
    store = metadata_store_pb2.ConnectionConfig()
    store.sqlite.filename_uri = str(with_store / "metadata.sqlite")
    store.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    MetadataStore(store)
    model = tmp_path / "model"
    (model / "onnx").mkdir(parents=True)
    for name in ("config.json", "vocab.json", "preprocessor_config.json", "onnx/model.onnx"):
        (model / name).write_text("{}")
    transcripts = tmp_path / "transcripts.tsv"
    transcripts.write_text("a\tgood morning\n")
    script = """
import sys
from pipeline import cli
try:
    cli.main(sys.argv[1:])
except SystemExit as ended:
    print("code", ended.code or 0)
heavy = {"tensorflow", "keras", "tfx", "apache_beam", "kfp", "torch"} & set(sys.modules)
assert not heavy, heavy
"""
    for code, *command in (
        (0, "--version"),
        (0, "runs", "--workspace", with_store),
        (2, "review", "--workspace", with_store),
        (3, "transcribe", "some.flac", "--model", model),
        (0, "score", "--ref", transcripts, "--hyp", transcripts, "--baseline", transcripts),
        (None, "doctor"),
    ):
        result = subprocess.run(
            [sys.executable, "-c", script, *map(str, command)], capture_output=True, text=True, timeout=60, check=False
        )
        assert result.returncode == 0, result.stderr
        assert code is None or result.stdout.endswith(f"code {code}\n"), result.stderr


def test_version(call):
    assert call("--version") == (0, f"w2v2 {__version__}\n", "")


def test_no_command_is_wrong_usage(call):
    code, out, err = call()
    assert code == 2
    assert "Usage: w2v2" in out + err


def test_runs_of_an_empty_workspace(call, tmp_path):
    assert call("runs", "--json", "--workspace", tmp_path) == (0, '{\n  "runs": []\n}\n', "")
    code, out, _ = call("runs", "--workspace", tmp_path)
    assert code == 0
    assert out == f"There are no runs in {tmp_path} yet; begin one with w2v2 run.\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "--config", "nothing"], 2, "--config must be one of librispeech_100h, librispeech_10h, "),
        (["run", "--config", "smoke", "--from", "trainer"], 2, "--from must be one of LibriSpeechExampleGen, "),
        (["run", "--config", "smoke", "--to", "Nowhere"], 2, "--to must be one of LibriSpeechExampleGen, "),
        (["run", "--resume", "--from", "Trainer"], 2, "--resume finds out by itself where to begin and to end"),
        (["run", "--checkpoint", "gs://a/b"], 2, "--checkpoint must be a directory, a file of weights, or hf://owner"),
        (["run", "--checkpoint", "hf://a"], 2, "--checkpoint must be "),
        (["review"], 2, "No run in "),
        (["review", "2026"], 2, "No run in "),
        (["approve", "2026", "--reason", "Why."], 2, "No run in "),
        (["reject", "2026", "--reason", "Why."], 2, "No run in "),
        (["transcribe", "some.flac"], 2, "No model has been released in "),
        (["transcribe", "some.flac", "--model", "nowhere"], 2, "--model must be the directory of a published ONNX"),
        (["convert", "nowhere", "out"], 2, "--checkpoint must be a directory or a file that exists, or hf://owner/na"),
        (["convert", str(TINY), "out", "--activations", "a.npz"], 2, "--activations must be a file that exists; a.npz"),
        (["ingest", "--corpus", "nowhere", "--output", "out"], 2, "--corpus must be a directory that holds a corpus"),
    ],
)
def test_a_users_mistake_ends_in_one_sentence(call, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("W2V2_WORKSPACE", raising=False)
    got, out, err = call(*arguments)
    assert got == code
    assert err.startswith(f"✗ {message}")
    assert err.count("\n") == 1
    assert "Traceback" not in out + err
    assert list(tmp_path.iterdir()) == []


def test_with_json_an_error_is_the_one_document(call, tmp_path):
    code, out, err = call("review", "--json", "--workspace", tmp_path)
    assert (code, err) == (2, "")
    assert json.loads(out)["exit_code"] == 2
    assert json.loads(out)["error"].startswith(f"No run in {tmp_path} has evaluated a model yet")


def test_what_nobody_foresaw_is_one_sentence_and_a_log(call, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("pipeline.runs.read_runs", broken)
    code, _, err = call("runs")
    assert code == 1
    assert err.startswith("✗ Something went wrong that was not foreseen: ZeroDivisionError: division by zero; the ")
    log = Path(err.strip().rpartition(" in ")[2].rstrip("."))
    assert "ZeroDivisionError: division by zero" in log.read_text()
    log.unlink()


def test_stopping_is_said(call, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.runs.read_runs", stopped)
    assert call("runs") == (130, "", "✗ Stopped.\n")


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    # The reader is gone before the first word, not perhaps after the last.
    command = (
        f"{{ sleep 0.5; {sys.executable} -m pipeline.cli runs --json --workspace {tmp_path}; }} | exec true;"
        ' echo "${PIPESTATUS[0]}"'
    )
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (result.stdout, result.stderr) == ("0\n", "")


def test_run_hands_on_what_was_asked_for(call, monkeypatch, tmp_path):
    asked = []

    def start(workspace, config, request, console):
        asked.append((workspace, config, request))
        return 4

    monkeypatch.setattr("pipeline.supervisor.start_run", start)
    (tmp_path / "speech").mkdir()
    code, _, _ = call(
        "run", "--config", "smoke", "--corpus", tmp_path / "speech", "--from", "Transform", "--to", "Trainer",
        "--no-cache", "--workspace", tmp_path / "w",
    )  # fmt: skip
    assert code == 4
    ((workspace, config, request),) = asked
    assert workspace == Workspace(tmp_path / "w")
    assert config == load_config("smoke").with_sources(str(tmp_path / "speech"), None)
    assert dataclasses.replace(request, options=()) == RunRequest(
        from_node="Transform", to_node="Trainer", resume=False, enable_cache=False
    )
    speech, workspace_dir = str(tmp_path / "speech"), str(tmp_path / "w")
    assert request.options == ("--config", "smoke", "--corpus", speech, "--workspace", workspace_dir)


def test_ingest_writes_records_and_shows_progress(make_corpus, tmp_path):
    corpus = make_corpus({"train-a": ["1", "2"], "dev-a": ["3"], "test-a": ["4"]})
    result = w2v2("ingest", "--corpus", corpus, "--output", tmp_path / "records")
    assert result.returncode == 0, result.stderr
    wrote = rf"Wrote 12 of 12 utterances, 0\.00 hours of speech, to {tmp_path}/records in [\d.]+ s\."
    *steps, last = result.stdout.splitlines()
    assert [step.split("  ")[1] for step in steps] == ["✓ Obtaining the corpus", "✓ Ingest"]
    assert re.fullmatch(wrote, last)
    assert result.stderr == ""
    assert (tmp_path / "records" / "dataset_info.json").is_file()
    result = w2v2("ingest", "--corpus", corpus, "--output", tmp_path / "again", "--json")
    assert json.loads(result.stdout)["written"] == 12


def test_ingest_takes_settings_of_a_configuration(make_corpus, tmp_path):
    corpus = make_corpus({"train-a": ["1"], "dev-a": ["3"], "test-a": ["4"]})
    (corpus / "test-a/4/7/4-7-0001.flac").write_bytes(b"")
    (tmp_path / "mine.py").write_text(
        '"""Two splits of their own names."""\n\n'
        "import dataclasses\n"
        "from beam_jobs.librispeech import IngestSettings\n"
        "from pipeline.configs import smoke\n\n\n"
        "def get_config():\n"
        "    settings = IngestSettings(splits={'train-a': 'speech', 'test-a': 'exam'}, max_reject_fraction=0.5)\n"
        "    return dataclasses.replace(smoke.get_config(), name='mine', ingest=settings)\n"
    )
    chosen = ("--corpus", corpus, "--output", tmp_path / "records", "--config", tmp_path / "mine.py")
    result = w2v2("ingest", *chosen)
    assert result.returncode == 0, result.stderr
    wrote, told = result.stdout.splitlines()[-2:]
    assert wrote.startswith("Wrote 5 of 6 utterances, ")
    assert told == f"1 was rejected; each is named, with its reason, in {tmp_path}/records/rejects.jsonl."
    assert sorted(path.name for path in (tmp_path / "records").glob("Split-*")) == ["Split-exam", "Split-speech"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--workers", "2", "--", "--direct_num_workers=2"), "Either --workers or Beam's flags must say what runs"),
        (("--", "--runner=DataflowRunner"), "A job on Dataflow needs --project"),
        (("--", "--frob"), "must be flags of Beam, and --frob is none; correct it."),
    ],
)
def test_ingest_refuses_flags_that_do_not_fit(make_corpus, tmp_path, flags, message):
    corpus = make_corpus({"train-a": ["1"]})
    result = w2v2("ingest", "--corpus", corpus, "--output", tmp_path / "records", *flags)
    assert result.returncode == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "records").exists()


RUN = "20260101T000000Z-aaaa"


def test_a_decision_is_one_json_document_and_told_with_the_run(call, judge, workspace):
    judge(RUN, "NEEDS_REVIEW")
    code, out, err = call("reject", "2026", "--reason", "It <b>stammers</b>.", "--json", "--workspace", workspace.root)
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert (told["run_id"], told["verdict"], told["is_new"]) == (RUN, "NEEDS_REVIEW", True)
    assert (told["published_by"], told["releases"]) == (None, {})
    decision = told["decision"]
    assert (decision["decision"], decision["reason"], decision["run_id"]) == ("reject", "It <b>stammers</b>.", RUN)
    for command in (("runs",), ("review", RUN)):
        _, out, _ = call(*command, "--json", "--workspace", workspace.root)
        document = json.loads(out)
        entry = document["runs"][0] if command == ("runs",) else document
        assert (entry["verdict"], entry["decision"]) == ("NEEDS_REVIEW", decision)
    _, out, _ = call("review", "--workspace", workspace.root)
    assert f"rejected by {decision['who']} at {decision['when']}: It <b>stammers</b>." in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["approve", RUN, "--reason", "Why."], 2, "Only a model that passes the gate can be approved"),
        (["approve", RUN, "--reason", " "], 2, "--reason must say why"),
        (["reject", RUN, "--reason", ""], 2, "--reason must say why"),
        (["reject", "2027", "--reason", "Why."], 2, "No run in "),
    ],
)
def test_what_cannot_be_decided_is_one_sentence_or_one_document(call, judge, workspace, arguments, code, message):
    judge(RUN, "REJECT")
    got, out, err = call(*arguments, "--workspace", workspace.root)
    assert (got, out) == (code, "")
    assert err.startswith(f"✗ {message}")
    assert err.count("\n") == 1
    got, out, _ = call(*arguments, "--json", "--workspace", workspace.root)
    document = json.loads(out)
    assert (got, document["exit_code"]) == (code, code)
    assert document["error"].startswith(message)


def test_a_decision_needs_a_reason(call, judge, workspace):
    judge(RUN, "NEEDS_REVIEW")
    code, _, err = call("approve", RUN, "--workspace", workspace.root)
    assert code == 2
    assert "--reason" in err
