"""`w2v2 push` and `w2v2 export` as a person meets them, against hubs and Cloud Storage on the loopback."""

import json
from pathlib import Path

import pytest

from model.checkpoint import convert_checkpoint
from model.export.release import Release, read_release
from model.export.verify import verify
from model.storage import release_digest, sha256_of_files, write_json
from pipeline import cli, pushing
from tests.fake_hugging_face import READER, Fault

FILES = {
    "saved_model": {"saved_model.pb": "a graph", "variables/variables.index": "weights"},
    "onnx": {"onnx/model.onnx": "an ONNX graph", "vocab.json": "{}"},
}


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    """Runs the command in an empty directory; returns exit code, standard output and standard error."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            cli.main(list(map(str, arguments)))
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def release(tmp_path):
    """A release as `w2v2 export` writes it, but for its probes."""
    root = tmp_path / "release"
    for format_, files in FILES.items():
        for name, text in files.items():
            (root / format_ / name).parent.mkdir(parents=True, exist_ok=True)
            (root / format_ / name).write_text(text)
    files = sha256_of_files(root)
    Release(
        name="tiny", model_digest="7" * 64, release_digest=release_digest(files), files=files,
        sizes_bytes={name: (root / name).stat().st_size for name in files}, source_checkpoint=None, license="mit",
        language="en", sample_rate_hz=16_000, versions={},
    ).write(root)  # fmt: skip
    return root


@pytest.fixture
def evaluation(release, tmp_path, monkeypatch):
    """Its evaluation; what it computes is taken to be what was measured."""
    verified = []
    monkeypatch.setattr(pushing, "verify_in_fresh_process", lambda *arguments: verified.append(arguments))
    root = tmp_path / "evaluation"
    digest = read_release(release).release_digest
    split = {"words": {"wer": 0.25, "utterances": 10, "words": 100}, "interval": None}
    write_json(
        root / "metrics.json",
        {"release_digest": digest, "corpus": {"root_name": "corpus"}, "splits": {"test-clean": split}},
    )
    write_json(root / "gate.json", {"release_digest": digest, "verdict": "ACCEPT", "checks": []})
    (root / "probes.npz").write_text("probes")
    return root


def test_what_was_never_evaluated_is_refused_unless_that_is_meant(call, release, tmp_path):
    code, _, err = call("push", release, "--to", "out")
    assert code == 2
    assert err == (
        f"✗ {release} was never evaluated, so nobody knows how good it is; name its evaluation with --evaluation, or"
        " publish it as it is with --unevaluated, and its card will say so.\n"
    )
    assert not (tmp_path / "here" / "out").exists()
    code, out, err = call("push", release, "--to", "out", "--unevaluated", "--name", "mine")
    root = tmp_path / "here" / "out" / "mine"
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        f"saved_model: Published as version 1 in {root}/saved_model/1.",
        f"onnx: Published as version 1 in {root}/onnx/1.",
    ]
    assert sorted(path.name for path in (root / "saved_model").iterdir()) == ["1", "1.tar.gz", "latest"]
    assert "# mine\n" in (root / "onnx" / "1" / "README.md").read_text()
    assert "**Not evaluated.**" in (root / "onnx" / "1" / "README.md").read_text()
    assert read_release(root / "onnx" / "1").evaluation is None


def test_an_evaluated_release_has_its_results_on_its_card_wherever_it_goes(
    call, release, evaluation, hugging_face, kaggle, bucket, tmp_path
):
    places = ("out", "gs://speech/models", "hf://jane/speech", "kaggle://jane/speech/onnx/tiny")
    arguments = [argument for place in places for argument in ("--to", place)]
    given = ("push", release, *arguments, "--format", "onnx", "--evaluation", evaluation, "--json")
    code, out, err = call(*given)
    assert (code, err) == (0, "")
    told = json.loads(out)
    digest = read_release(release).release_digest
    addresses = [
        f"{tmp_path}/here/out/tiny/onnx/1",
        "gs://speech/models/tiny/onnx/1",
        f"hf://jane/speech@release-{digest[:16]}",
        "kaggle://jane/speech/onnx/tiny/1",
    ]
    assert (told["dry_run"], told["release_digest"], told["evaluated"]) == (False, digest, True)
    assert [copy["address"] for copy in told["copies"]] == addresses
    assert all(copy["published"] and copy["format"] == "onnx" for copy in told["copies"])
    cards = [
        (tmp_path / "here/out/tiny/onnx/1/README.md").read_bytes(),
        bucket.blob("models/tiny/onnx/1/README.md").download_as_bytes(),
        hugging_face.repositories["jane/speech"].files["README.md"],
        kaggle.variations["jane/speech/onnx/tiny"][0].files["README.md"],
    ]
    assert len(set(cards)) == 1
    assert b"| test-clean | 25.0 % |" in cards[0]
    code, out, _ = call(*given)
    assert code == 0
    assert [copy["published"] for copy in json.loads(out)["copies"]] == [False] * 4


def test_a_published_version_goes_to_a_hub_with_the_card_that_it_has(call, release, evaluation, hugging_face, tmp_path):
    call("push", release, "--to", "out", "--evaluation", evaluation)
    (tmp_path / "here/out/tiny/onnx/1/README.md").write_text("---\nlicense: mit\n---\nAs it was measured.\n")
    code, out, err = call("push", "out/tiny/onnx", "--to", "hf://jane/speech", "--private")
    assert (code, err) == (0, "")
    assert out.startswith("onnx: Published as version release-")
    repository = hugging_face.repositories["jane/speech"]
    assert repository.private
    assert repository.files["README.md"].endswith(b"As it was measured.\n")
    told = json.loads(repository.files["RELEASE.json"])
    assert sorted(told["evaluation"]) == ["gate.json", "metrics.json"]
    assert (told["format"], told["version"]) == ("onnx", None)
    (tmp_path / "here/out/tiny/onnx/1/README.md").unlink()
    code, _, err = call("push", "out/tiny/onnx/1", "--to", "other")
    assert code == 3
    assert "A published version must have its model card, and" in err


@pytest.mark.parametrize(
    ("verdict", "code", "message"),
    [
        ("REJECT", 4, "What is pushed must have passed its gate, and the verdict was REJECT; nothing was published."),
        ("NEEDS_REVIEW", 5, "and this release waits for a person; w2v2 approve publishes it."),
    ],
)
def test_what_did_not_pass_its_gate_is_not_published(call, release, evaluation, tmp_path, verdict, code, message):
    digest = read_release(release).release_digest
    write_json(evaluation / "gate.json", {"release_digest": digest, "verdict": verdict, "checks": []})
    got, _, err = call("push", release, "--to", "out", "--evaluation", evaluation)
    assert got == code
    assert message in err
    assert not (tmp_path / "here" / "out").exists()


def test_a_dry_run_says_what_would_go_where_and_asks_nothing(call, release, hugging_face, kaggle, bucket, monkeypatch):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setattr("beam_jobs.cloud_storage._client", None)
    places = ("gs://speech/models", "hf://jane/speech", "kaggle://jane/speech/onnx/tiny")
    arguments = [argument for place in places for argument in ("--to", place)]
    given = ("push", release, *arguments, "--format", "onnx", "--unevaluated", "--dry-run")
    code, out, err = call(*given)
    assert (code, err) == (0, "")
    digest = read_release(release).release_digest
    lines = out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("hf://jane/speech: onnx, 4 files, "))
    assert lines[start + 1] == f"  release digest {digest}, not evaluated"
    assert lines[start + 2] == "  credential     HF_TOKEN"
    assert "              13  onnx/model.onnx" in lines
    assert "  credential     KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY" in lines
    assert len([line for line in lines if line.startswith("  It would fail: To publish to kaggle://jane/")]) == 1
    assert lines[-1] == "Nothing was published."
    told = json.loads(call(*given, "--json")[1])
    assert told["copies"] == []
    uploads = told["uploads"]
    assert [upload["destination"] for upload in uploads] == [
        "gs://speech/models/tiny/onnx", "hf://jane/speech", "kaggle://jane/speech/onnx/tiny"
    ]  # fmt: skip
    assert [sorted(upload["files"]) for upload in uploads] == [
        ["README.md", "RELEASE.json", "onnx/model.onnx", "vocab.json"]
    ] * 3
    assert [upload["credential"] for upload in uploads][:2] == [None, "HF_TOKEN"]
    assert [upload["problem"] is None for upload in uploads] == [True, True, False]
    assert (hugging_face.requests, kaggle.requests) == ([], [])


def test_a_dry_run_tells_the_true_sizes(call, release, hugging_face):
    given = ("push", release, "--to", "hf://jane/speech", "--format", "onnx", "--unevaluated")
    (planned,) = json.loads(call(*given, "--dry-run", "--json")[1])["uploads"]
    call(*given)
    sent = hugging_face.repositories["jane/speech"].files
    assert {name: len(content) for name, content in sent.items()} == planned["files"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["--to", "hf://jane", "--format", "onnx"],
            2,
            "repository must be owner/name on the Hugging Face Hub, not 'jane'.",
        ),
        (
            ["--to", "hf://jane/speech"],
            2,
            "A repository of the Hugging Face Hub takes one format, and there are saved_",
        ),
        (["--to", "kaggle://jane/speech/onnx"], 2, "handle must be owner/model/framework/variation on Kaggle, without"),
        (["--to", "kaggle://a/b/transformers/c"], 2, "The framework in kaggle://a/b/transformers/c takes the format c"),
        (["--to", "s3://bucket"], 2, "A pusher's destination must be a directory on this machine, not 's3://bucket'."),
        (["--to", "out", "--format", "checkpoint"], 2, "--format must be one that "),
        (["--to", "out", "--format", "tflite"], 2, "--format must be one of saved_model, onnx, checkpoint, or sever"),
        (
            ["--to", "out", "--name", "../x"],
            2,
            "The name of a published model must be that of a directory, not '../x'.",
        ),
        (
            ["--to", "out", "--evaluation", "nowhere"],
            3,
            "nowhere must be a whole evaluation, with metrics.json and gate",
        ),
    ],
)
def test_a_mistake_ends_in_one_sentence_and_nothing_is_published(call, release, tmp_path, arguments, code, message):
    got, out, err = call("push", release, "--unevaluated", *arguments)
    assert (got, out) == (code, "")
    assert err.startswith(f"✗ {message}")
    assert err.count("\n") == 1
    assert list((tmp_path / "here").iterdir()) == []


def test_what_is_no_release_is_refused(call, tmp_path):
    code, _, err = call("push", tmp_path, "--to", "out")
    assert code == 2
    assert err.startswith("✗ What is pushed must be a release or a published version, with RELEASE.json, and ")


def test_a_changed_copy_of_one_format_keeps_all_formats_from_being_published(call, release, tmp_path):
    call("push", release, "--to", "out", "--unevaluated", "--format", "onnx")
    changed = tmp_path / "here/out/tiny/onnx/1/vocab.json"
    changed.write_text("[]")
    code, out, err = call("push", release, "--to", "out", "--unevaluated")
    assert (code, out) == (3, "")
    assert err.startswith(f"✗ Version 1 in {tmp_path}/here/out/tiny/onnx must stay as it was published: {changed} must")
    assert err.endswith("Or delete that version, and push again.\n")
    assert not (tmp_path / "here/out/tiny/saved_model").exists()


def test_an_evaluation_without_its_probes_proves_nothing(call, release, evaluation, tmp_path, monkeypatch):
    monkeypatch.setattr(pushing, "verify_in_fresh_process", verify)
    (evaluation / "probes.npz").unlink()
    code, out, err = call("push", release, "--to", "out", "--evaluation", evaluation)
    assert (code, out) == (3, "")
    assert "probes.npz must be the evaluator's file of probes" in err
    assert [path for path in (tmp_path / "here").rglob("*") if path.is_file()] == []


def test_a_damaged_release_is_refused(call, release, tmp_path):
    (release / "onnx" / "vocab.json").write_text("[]")
    code, _, err = call("push", release, "--to", "out", "--unevaluated")
    assert code == 3
    assert "vocab.json must be as it was exported, and its sha256 has changed" in err
    (release / "onnx" / "vocab.json").unlink()
    code, _, err = call("push", release, "--to", "out", "--unevaluated")
    assert code == 3
    assert "must hold vocab.json, which its RELEASE.json names, and does not" in err
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.parametrize("missing", ["token", "access"])
def test_without_a_right_to_publish_on_a_hub_nothing_is_published_anywhere(
    call, release, hugging_face, tmp_path, monkeypatch, missing
):
    if missing == "token":
        monkeypatch.delenv("HF_TOKEN")
    else:
        monkeypatch.setenv("HF_TOKEN", "wrong")
    given = ("push", release, "--to", "out", "--to", "hf://jane/speech", "--format", "onnx", "--unevaluated")
    code, out, err = call(*given)
    assert (code, out) == (2, "")
    assert "HF_TOKEN" in err
    assert "wrong" not in err
    assert err.count("\n") == 1
    assert [path for path in (tmp_path / "here").rglob("*") if path.is_file()] == []


def test_what_a_hub_that_fails_has_not_can_be_pushed_again(call, release, hugging_face, monkeypatch):
    given = ("push", release, "--to", "out", "--to", "hf://jane/speech", "--format", "onnx", "--unevaluated", "--json")
    hugging_face.faults.append(Fault("PUT .*", 0))
    code, out, _ = call(*given)
    assert code == 75
    assert json.loads(out)["exit_code"] == 75
    assert "push again" in json.loads(out)["error"]
    hugging_face.faults.clear()
    code, out, _ = call(*given)
    assert code == 0
    assert [copy["published"] for copy in json.loads(out)["copies"]] == [False, True]
    monkeypatch.setenv("HF_TOKEN", READER)
    assert call(*given)[0] == 0, "whoever may only read sees that it is there"


def test_a_release_is_exported_and_pushed(call, tmp_path, model_directory):
    code, out, err = call("export", model_directory, "out", "--format", "onnx", "--name", "mine", "--license", "mit")
    assert (code, err) == (0, "")
    size_mb = sum(read_release(tmp_path / "here" / "out").sizes_bytes.values()) / 1e6
    # On a slow machine, lines of its progress stand before.
    assert "".join(line for line in out.splitlines(keepends=True) if not line.startswith("    Export: ")) == (
        f"Exported {model_directory} to {tmp_path}/here/out: onnx, {size_mb:.1f} MB. On 3 test sounds each gives what"
        " the model gives. It was not evaluated, and README.md says so.\n"
        "onnx/model_quantized.onnx: All 11 parts are in int8; what that changes was not measured, as no speech was"
        " heard. Name recordings with --speech to measure it.\n"
    )
    code, out, _ = call("export", model_directory, "out", "--format", "onnx", "--name", "mine", "--license", "mit")
    assert (code, out) == (0, f"{tmp_path}/here/out holds this release already.\n")
    code, out, err = call("export", model_directory, "out", "--format", "onnx", "--name", "other", "--json")
    assert code == 2
    assert "It stays as it is." in json.loads(out)["error"]
    code, out, _ = call("push", "out", "--to", "released", "--unevaluated")
    assert code == 0
    assert out == f"onnx: Published as version 1 in {tmp_path}/here/released/mine/onnx/1.\n"


@pytest.fixture
def model_directory(tmp_path):
    golden = Path(__file__).parents[1] / "golden" / "wav2vec2" / "layer_pre_norm"
    convert_checkpoint(golden, tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tiny", "out", "--format", "tflite"], "--format must be one of saved_model, onnx, checkpoint"),
        (["tiny", "out", "--opset", "3"], "release.onnx_opset must be 17 to 20, not 3."),
        (["tiny", "out", "--name", "a/b"], "release.name must be letters, digits, "),
        (["tiny", "out", "--language", "English"], "release.language must be a code of two or three small letters"),
        (["tiny", "out", "--speech", "nowhere"], "--speech must be a sound file, a folder of such, a manifest (.tsv"),
        (["nowhere", "out"], "--checkpoint must be a directory or a file that exists, or hf://owner/na"),
    ],
)
def test_a_mistake_in_an_export_ends_in_one_sentence(call, tmp_path, arguments, message):
    code, out, err = call("export", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"✗ {message}")
    assert list((tmp_path / "here").iterdir()) == []
