"""Checkpoints of the hub, from a hub that is served on the loopback: fetched, checked, cached, refused."""

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from model.checkpoint.hub import HubReference, download_checkpoint, parse_hub_reference
from model.errors import CheckpointError, DiskFullError, TryAgainError, UsageError, W2v2Error
from tests.fake_hub import COMMIT, CONFIG, WEIGHTS, FakeHub, sha256

OTHER_COMMIT = "fedcba9876543210fedcba9876543210fedcba98"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hf://facebook/wav2vec2-base-960h", HubReference("facebook", "wav2vec2-base-960h")),
        ("hf://someone/speech@v1.0", HubReference("someone", "speech", "v1.0")),
        ("hf://someone/speech@refs/pr/1", HubReference("someone", "speech", "refs/pr/1")),
        (f"hf://a/b_c.d@{COMMIT}", HubReference("a", "b_c.d", COMMIT)),
    ],
)
def test_a_reference_is_read_and_written(text, expected):
    assert parse_hub_reference(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    "text",
    [
        "someone/speech",
        "hf://",
        "hf://someone",
        "hf://someone/",
        "hf:///speech",
        "hf://someone/speech/file",
        "hf://someone/speech@",
        "hf://someone/speech@/main",
        "hf://someone/speech@a//b",
        "hf://someone/speech@../main",
        "hf://someone/speech@refs/../../x",
        "hf://someone/speech@.hidden",
        "hf://someone/speech@--option",
        "hf://someone/speech@a b",
        "hf://someone/speech@a@b",
        "hf://../speech",
        "hf://someone/..",
        "hf://some one/speech",
        "hf://someone/spe--ech",
        "hf://someone/speech.git",
        "hf://someone/speéch",
        "hf://someone/speech\n",
        "hf://someone/" + "x" * 97,
        "hf://models/someone/speech",
    ],
)
def test_a_malformed_reference_is_said(text):
    with pytest.raises(UsageError, match=r"owner/name@revision") as caught:
        parse_hub_reference(text)
    assert "\n" not in str(caught.value)


def test_only_what_matters_is_fetched_and_only_once(hub, tmp_path, capfd):
    hub.files |= {"pytorch_model.bin": b"x" * 50, "tf_model.h5": b"y", "README.md": b"#", "optimizer.bin": b"z"}
    found = download_checkpoint("hf://someone/speech")
    assert found.reference == "hf://someone/speech"
    assert found.revision == COMMIT
    assert found.directory == tmp_path / "hf" / "hub" / "models--someone--speech" / "snapshots" / COMMIT
    assert found.sha256_by_file == {
        "config.json": sha256(CONFIG),
        "vocab.json": sha256(b"{}"),
        "model.safetensors": sha256(WEIGHTS),
    }
    assert {path.name for path in found.directory.iterdir()} == set(found.sha256_by_file)
    assert (found.directory / "model.safetensors").read_bytes() == WEIGHTS
    assert hub.fetched == ["config.json", "vocab.json", "model.safetensors"]
    assert {path for _, path, _ in hub.requests if path.startswith("/api")} == {
        "/api/models/someone/speech/revision/main"
    }
    hub.requests.clear()
    assert download_checkpoint("hf://someone/speech") == found
    assert [method for method, _, _ in hub.requests] == ["GET"]
    assert hub.fetched == []
    assert capfd.readouterr() == ("", "")


def test_progress_is_reported_in_megabytes(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("W2V2_EVENTS", str(tmp_path / "events"))
    download_checkpoint("hf://someone/speech")
    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    assert [(event["event"], event["text"]) for event in events] == [
        ("progress", "config.json"),
        ("progress", "vocab.json"),
        ("progress", "model.safetensors"),
    ]
    assert (events[-1]["done"], events[-1]["total"], events[-1]["unit"]) == (0.01024, 0.01024, "MB")


@pytest.mark.parametrize("revision", ["v1.0", "refs/pr/1", COMMIT])
def test_a_revision_is_resolved_to_its_commit(hub, revision):
    hub.revisions = {revision: COMMIT, "main": OTHER_COMMIT}
    found = download_checkpoint(f"hf://someone/speech@{revision}")
    assert found.revision == COMMIT
    assert found.reference == f"hf://someone/speech@{revision}"
    assert (found.directory / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize("better", range(4))
def test_the_best_form_of_the_weights_is_taken(hub, better):
    forms = {}
    for stem, suffix in (("model", "safetensors"), ("pytorch_model", "bin")):
        shards = [f"{stem}-0000{number}-of-00002.{suffix}" for number in (1, 2)]
        index = {"metadata": {}, "weight_map": {"a": shards[1], "b": shards[0], "c": shards[1]}}
        forms[f"{stem}.{suffix}"] = []
        forms[f"{stem}.{suffix}.index.json"] = shards
        hub.files |= {f"{stem}.{suffix}.index.json": json.dumps(index).encode(), **dict.fromkeys(shards, WEIGHTS)}
    hub.files |= {"pytorch_model.bin": WEIGHTS, "tf_model.h5": WEIGHTS}
    for form in list(forms)[:better]:
        del hub.files[form]
    form, shards = list(forms.items())[better]
    found = download_checkpoint("hf://someone/speech")
    assert list(found.sha256_by_file) == ["config.json", "vocab.json", form, *shards]


def test_the_ancestors_form_is_taken_where_there_is_no_other(hub):
    del hub.files["model.safetensors"]
    hub.files["tf_model.h5"] = WEIGHTS
    assert list(download_checkpoint("hf://someone/speech").sha256_by_file)[-1] == "tf_model.h5"


@pytest.mark.parametrize(
    "index",
    [
        b"{",
        b"[]",
        b'{"weight_map": 3}',
        b'{"weight_map": {"a": "../../x.safetensors"}}',
        b'{"weight_map": {"a": "missing.safetensors"}}',
        b'{"weight_map": {"a": "config.json"}}',
        b"[" * 100_000,
        b"\xff\xfe" + b"a" * 5001,
        json.dumps({"weight_map": {"a": "\x1b[31m\n" + "x" * 5000}}).encode(),
        json.dumps({"weight_map": {"a": [[["x" * 5000]]]}}).encode(),
    ],
)
def test_an_index_must_name_shards_beside_it(hub, index):
    del hub.files["model.safetensors"]
    hub.files["model.safetensors.index.json"] = index
    with pytest.raises(CheckpointError, match=r"model.safetensors.index.json of hf://someone/speech must") as caught:
        download_checkpoint("hf://someone/speech")
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


def test_a_languages_adapter_comes_with_it(hub):
    hub.files |= {"adapter.deu.safetensors": b"d", "adapter.deu.bin": b"e", "adapter.fra.bin": b"f"}
    assert list(download_checkpoint("hf://someone/speech", "deu").sha256_by_file)[-1] == "adapter.deu.safetensors"
    assert list(download_checkpoint("hf://someone/speech", "fra").sha256_by_file)[-1] == "adapter.fra.bin"
    with pytest.raises(UsageError, match=r"of its 3 adapters none is adapter.xyz.safetensors"):
        download_checkpoint("hf://someone/speech", "xyz")
    with pytest.raises(UsageError, match=r"not '\.\./x'"):
        download_checkpoint("hf://someone/speech", "../x")


def test_a_repository_without_weights_or_configuration_is_named_with_what_it_holds(hub):
    hub.files = {"README.md": b"#", "config.json": CONFIG, "flax_model.msgpack": b"x"}
    with pytest.raises(CheckpointError, match=r"holds 'README.md', 'config.json', 'flax_model.msgpack'; name"):
        download_checkpoint("hf://someone/speech")
    hub.files = {f"{n:02}.bin": b"" for n in range(12)} | {"model.safetensors": WEIGHTS}
    with pytest.raises(CheckpointError, match=r"'09.bin' and 3 more"):
        download_checkpoint("hf://someone/speech")
    assert hub.fetched == []


def test_a_corrupted_file_is_noticed_and_does_not_stay(hub):
    hub.sent["model.safetensors"] = WEIGHTS[:-1] + b"\0"
    for _ in range(2):  # the second time shows that the first left nothing
        with pytest.raises(
            CheckpointError, match=rf"sha256 {sha256(WEIGHTS)}, and has .*; it was removed, so download"
        ):
            download_checkpoint("hf://someone/speech")
    assert hub.fetched.count("model.safetensors") == 2
    hub.sent.clear()
    found = download_checkpoint("hf://someone/speech")
    assert (found.directory / "model.safetensors").read_bytes() == WEIGHTS


def test_a_file_that_was_changed_in_the_cache_is_noticed(hub, monkeypatch):
    found = download_checkpoint("hf://someone/speech")
    (found.directory / "model.safetensors").resolve().write_bytes(b"other")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(CheckpointError, match=r"it was removed, so download it again"):
        download_checkpoint("hf://someone/speech")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert download_checkpoint("hf://someone/speech") == found


def test_a_broken_download_goes_on_where_it_broke(hub, monkeypatch):
    # What is less than a chunk is fetched again.
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 500)
    hub.drops = 1
    found = download_checkpoint("hf://someone/speech")
    assert (found.directory / "model.safetensors").read_bytes() == WEIGHTS
    ranges = [wanted for method, path, wanted in hub.requests if method == "GET" and path.endswith("safetensors")]
    assert ranges == [None, "bytes=1000-"]


def test_a_download_that_breaks_always_may_be_tried_again(hub):
    hub.sent["model.safetensors"] = WEIGHTS[:500]
    with pytest.raises(TryAgainError, match=r"the connection broke"):
        download_checkpoint("hf://someone/speech")


@pytest.mark.parametrize(
    ("refusal", "error", "message"),
    [
        ((404, "RepoNotFound"), UsageError, r"there is none, or it is private; .* set HF_TOKEN, which is not set, to"),
        ((401, "RepoNotFound"), UsageError, r"there is none, or it is private"),
        ((401, ""), UsageError, r"hf://someone/speech .* set HF_TOKEN"),
        ((401, "GatedRepo"), UsageError, r"hf://someone/speech is gated, .* HF_TOKEN"),
        ((403, "GatedRepo"), UsageError, r"hf://someone/speech is gated, .* HF_TOKEN"),
        ((403, ""), UsageError, r"does not let this machine read hf://someone/speech \(HTTP 403\); set HF_TOKEN"),
        ((404, "RevisionNotFound"), UsageError, r"must be a branch, tag or commit"),
        ((404, "EntryNotFound"), CheckpointError, r"must send every file"),
        ((404, ""), UsageError, r"refuses to send hf://someone/speech \(HTTP 404\); .* HF_ENDPOINT"),
        ((400, ""), UsageError, r"\(HTTP 400\)"),
        ((429, ""), TryAgainError, r"cannot send hf://someone/speech now \(HTTP 429\); run again"),
        ((500, ""), TryAgainError, r"\(HTTP 500\); run again"),
        ((503, ""), TryAgainError, r"\(HTTP 503\); run again"),
    ],
)
@pytest.mark.parametrize("where", ["refusal", "file_refusal"])
def test_a_refusal_is_said_in_one_sentence(hub, refusal, error, message, where, capfd):
    setattr(hub, where, refusal)
    with pytest.raises(error, match=message) as caught:
        download_checkpoint("hf://someone/speech")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_the_token_is_sent_and_named(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    download_checkpoint("hf://someone/speech")
    assert hub.tokens == {"Bearer hf_secret"}
    hub.refusal = (403, "GatedRepo")
    with pytest.raises(UsageError, match=r"set HF_TOKEN to a token that may read it") as caught:
        download_checkpoint("hf://someone/speech")
    assert "hf_secret" not in str(caught.value)


def test_an_unknown_revision_is_said(hub):
    with pytest.raises(UsageError, match=r"The revision of hf://someone/speech@v9 must be a branch, tag or commit"):
        download_checkpoint("hf://someone/speech@v9")


def test_nothing_that_answers_may_be_tried_again(hub, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(TryAgainError, match=r"does not answer or the connection broke \(ConnectError\)"):
            download_checkpoint("hf://someone/speech")


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"{}", b'{"id": 1, "sha": "x", "siblings": [3]}', b"\xff"])
def test_what_is_no_hub_is_said(hub, answer):
    hub.answer = answer
    with pytest.raises(UsageError, match=r"HF_ENDPOINT must be the address of a hub"):
        download_checkpoint("hf://someone/speech")


def test_names_are_shown_on_one_short_line(hub):
    hub.files = {"a\n\x1b[31mb": b"", "x" * 5000: b""}
    with pytest.raises(CheckpointError, match=r"holds 'a\\n\\x1b\[31mb', 'xxx") as caught:
        download_checkpoint("hf://someone/speech")
    assert len(str(caught.value)) < 500


LISTED = {"rfilename": "config.json", "size": 26}


@pytest.mark.parametrize(
    "siblings",
    [
        [{"rfilename": 3}],
        [{"rfilename": None}],
        [LISTED, {"rfilename": "model.safetensors", "size": 10**400}],
        [LISTED, {"rfilename": "model.safetensors", "size": float("inf")}],
        [LISTED, {"rfilename": "model.safetensors", "size": -1}],
        [LISTED, {"rfilename": "model.safetensors", "size": 1, "lfs": {"sha256": "a\nb", "size": 1, "pointerSize": 1}}],
    ],
)
def test_a_list_of_files_that_is_none_is_said(hub, siblings):
    hub.answer = json.dumps({"id": "someone/speech", "sha": COMMIT, "siblings": siblings}).encode()
    with pytest.raises(UsageError, match=r"HF_ENDPOINT must be the address of a hub"):
        download_checkpoint("hf://someone/speech")


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("commit", ["../../../../../outside", "{}/outside", OTHER_COMMIT])
def test_an_answer_cannot_name_another_commit(hub, tmp_path, commit, status):
    hub.headers = {"X_Repo_Commit": commit.format(tmp_path), "X_Error_Code": "EntryNotFound"}
    hub.file_status = status
    with pytest.raises(UsageError, match=r"HF_ENDPOINT must be the address of a hub"):
        download_checkpoint("hf://someone/speech")
    assert files_below(tmp_path) == {"hf/hub/models--someone--speech/refs/main"}


@pytest.mark.parametrize("header", ["ETag", "X_Linked_Etag"])
@pytest.mark.parametrize("name", ["../../../outside", "{}/outside", "..", "x/y"])
def test_an_answer_cannot_lead_out_of_the_cache(hub, tmp_path, header, name):
    hub.headers = {header: '"' + name.format(tmp_path) + '"'}
    with pytest.raises(UsageError, match=r"HF_ENDPOINT must be the address of a hub"):
        download_checkpoint("hf://someone/speech")
    assert files_below(tmp_path) == {"hf/hub/models--someone--speech/refs/main"}


def files_below(directory):
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir()}


def test_a_file_that_does_not_end_is_not_fetched_to_the_end(hub):
    hub.sent["config.json"] = CONFIG + bytes(5000)
    with pytest.raises(CheckpointError, match=r"config.json must have the 26 bytes .* and what is sent has more"):
        download_checkpoint("hf://someone/speech")


def test_a_token_is_not_sent_to_another_host(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with FakeHub() as other:
        threading.Thread(target=other.serve_forever, args=(0.01,), daemon=True).start()
        hub.headers = {"Location": f"http://localhost:{other.server_port}/elsewhere/resolve/x"}
        hub.file_status = 302
        with pytest.raises(W2v2Error):
            download_checkpoint("hf://someone/speech")
        other.shutdown()
        assert len(other.requests) > 0
        assert other.tokens == {None}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("HF_TOKEN", "hf_\u00fc", "HF_TOKEN, .* must hold plain ASCII alone"),
        ("HTTP_PROXY", "nonsense://", "The settings of proxies .* must be ones that can be used"),
        ("SSL_CERT_FILE", "/none", "The settings of proxies .* must be ones that can be used"),
    ],
)
def test_settings_that_cannot_be_used_are_said(hub, monkeypatch, name, value, message):
    import huggingface_hub

    huggingface_hub.close_session()  # it keeps the settings that it was opened with
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=message) as caught:
        download_checkpoint("hf://someone/speech")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["hub.example", "ftp://hub.example", "http://", "http://a:b:c/", "http://[x/"])
def test_an_endpoint_must_be_an_address(hub, monkeypatch, address):
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(UsageError, match=r"HF_ENDPOINT must be an address"):
        download_checkpoint("hf://someone/speech")


def test_a_disk_that_is_too_small_is_said_before_anything_is_written(hub, monkeypatch):
    free = type("Usage", (), {"free": len(WEIGHTS) - 1})
    monkeypatch.setattr("shutil.disk_usage", lambda path: free)
    with pytest.raises(DiskFullError, match=r"must have room for the 0 MB of model.safetensors"):
        download_checkpoint("hf://someone/speech")
    assert hub.fetched == ["config.json", "vocab.json"]


def test_a_disk_that_fills_up_is_said(hub, monkeypatch):
    def fill_up(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fill_up)
    with pytest.raises(DiskFullError, match=r"is full"):
        download_checkpoint("hf://someone/speech")


def test_a_cache_that_cannot_be_written_is_said(hub, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "file"))
    with pytest.raises(UsageError, match=r"must be a place that can be written"):
        download_checkpoint("hf://someone/speech")


def test_offline_the_cache_is_enough(hub, tmp_path, monkeypatch):
    hub.revisions["refs/pr/1"] = COMMIT
    found = download_checkpoint("hf://someone/speech@refs/pr/1")
    download_checkpoint("hf://someone/speech")
    hub.requests.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for revision in ("", "@refs/pr/1", f"@{COMMIT}"):
        again = download_checkpoint(f"hf://someone/speech{revision}")
        assert (again.directory, again.sha256_by_file) == (found.directory, found.sha256_by_file)
        assert again.revision == COMMIT
    for revision in ("@v1.0", f"@{OTHER_COMMIT}"):
        with pytest.raises(
            UsageError, match=r"With HF_HUB_OFFLINE set, hf://someone/speech@\w+.* must be in the cache"
        ):
            download_checkpoint(f"hf://someone/speech{revision}")
    assert hub.requests == []


def test_offline_a_shard_that_is_not_cached_is_missed(hub, monkeypatch):
    del hub.files["model.safetensors"]
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    hub.files |= {"model.safetensors.index.json": json.dumps(index).encode(), "model-1.safetensors": b"1"}
    hub.files["model-2.safetensors"] = b"2"
    found = download_checkpoint("hf://someone/speech")
    (found.directory / "model-2.safetensors").unlink()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(CheckpointError, match=r"names 'model-2.safetensors'"):
        download_checkpoint("hf://someone/speech")


def test_the_cache_is_where_the_library_would_have_it(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    assert download_checkpoint("hf://someone/speech").directory.is_relative_to(tmp_path / "elsewhere")


def test_a_cache_in_nobodys_home_is_said(hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", "~nobody-of-that-name/x")
    with pytest.raises(UsageError, match=r"must name a place, and '~nobody-of-that-name/x' is none"):
        download_checkpoint("hf://someone/speech")


def test_the_librarys_settings_are_as_they_were(hub):
    from huggingface_hub import constants

    before = (constants.HF_HUB_DISABLE_XET, constants.HF_HUB_DISABLE_TELEMETRY)
    download_checkpoint("hf://someone/speech")
    assert before == (constants.HF_HUB_DISABLE_XET, constants.HF_HUB_DISABLE_TELEMETRY)


def test_the_library_is_imported_only_where_it_is_used():
    code = "import sys, model, model.checkpoint.hub; sys.exit('huggingface_hub' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
