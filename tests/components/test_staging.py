"""Artifacts in Cloud Storage become files of this machine and back; what lies on this machine is used as it is."""

import tempfile
from pathlib import Path

import pytest

from beam_jobs import cloud_storage, places
from components.staging import staged
from model.errors import CheckpointError, DataError, DiskFullError, TryAgainError, UsageError

RUN = "gs://speech/w2v2/12/run-1"


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """The directory for temporary files, in which nothing may stay."""
    directory = tmp_path / "scratch"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    yield directory
    assert list(directory.iterdir()) == []


def content_of(place):
    return {entry.path: places.read_bytes(places.join(place, entry.path)) for entry in places.list_tree(place)}


def test_what_lies_on_this_machine_is_used_as_it_is(tmp_path, scratch):
    with staged() as stage:
        assert stage.input(str(tmp_path / "model"), "part") == tmp_path / "model"
        assert stage.output(str(tmp_path / "release")) == tmp_path / "release"
        assert stage.uri_of(stage.input(str(tmp_path / "model"))) == str(tmp_path / "model")
        assert list(scratch.iterdir()) == []


def test_an_input_is_copied_once(bucket, monkeypatch):
    places.write_bytes(f"{RUN}/model/a/b.txt", b"one")
    places.write_bytes(f"{RUN}/model/.hidden", b"")
    downloaded = []
    download = cloud_storage.download
    monkeypatch.setattr(cloud_storage, "download", lambda *pair: downloaded.append(pair[0]) or download(*pair))
    with staged() as stage:
        copy = stage.input(f"{RUN}/model")
        assert copy.name == "model"
        assert content_of(str(copy)) == {"a/b.txt": b"one", ".hidden": b""}
        assert stage.input(f"{RUN}/model") == copy
        assert stage.uri_of(copy) == f"{RUN}/model"
    assert sorted(downloaded) == [f"{RUN}/model/.hidden", f"{RUN}/model/a/b.txt"]
    assert not copy.exists()


def test_parts_of_an_input_are_copied_side_by_side(bucket):
    for name in ("RELEASE.json", "onnx/model.onnx", "onnx/vocab.json", "saved_model/saved_model.pb"):
        places.write_bytes(f"{RUN}/release/{name}", name.encode())
    with staged() as stage:
        copy = stage.input(f"{RUN}/release", "RELEASE.json", "onnx", "nowhere")
        assert sorted(content_of(str(copy))) == ["RELEASE.json", "onnx/model.onnx", "onnx/vocab.json"]
        assert stage.input(f"{RUN}/release", "saved_model/saved_model.pb") == copy
        assert len(content_of(str(copy))) == 4


def test_an_output_is_there_when_the_block_has_ended(bucket):
    with staged() as stage:
        root = stage.output(f"{RUN}/blessing")
        assert stage.output(f"{RUN}/blessing") == root
        (root / "BLESSED").touch()
        (root / "below").mkdir()
        (root / "below" / ".hidden").write_bytes(b"x")
        assert not places.is_directory(f"{RUN}/blessing")
    assert content_of(f"{RUN}/blessing") == {"BLESSED": b"", "below/.hidden": b"x"}


def test_what_a_first_try_has_left_is_replaced(bucket):
    places.write_bytes(f"{RUN}/release/half", b"1")
    places.write_bytes(f"{RUN}/release-2/other", b"2")
    with staged() as stage:
        (stage.output(f"{RUN}/release") / "whole").write_bytes(b"3")
    assert content_of(RUN) == {"release/whole": b"3", "release-2/other": b"2"}


def test_after_an_error_nothing_is_left(bucket):
    places.write_bytes(f"{RUN}/release/half", b"1")

    def write():
        with staged() as stage:
            (stage.output(f"{RUN}/release") / "file").write_bytes(b"2")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write()
    assert content_of(RUN) == {}


def test_outputs_that_cannot_be_written_are_taken_back(bucket, monkeypatch):
    upload = cloud_storage.upload

    def refused(path, address):
        if address.endswith("last"):
            raise TryAgainError("Cloud Storage did not answer.")
        upload(path, address)

    def write():
        with staged() as stage:
            (stage.output(f"{RUN}/evaluation") / "first").write_bytes(b"1")
            (stage.output(f"{RUN}/blessing") / "last").write_bytes(b"2")

    monkeypatch.setattr(cloud_storage, "upload", refused)
    with pytest.raises(TryAgainError, match="did not answer"):
        write()
    assert content_of(RUN) == {}


def test_errors_name_the_addresses(bucket):
    with pytest.raises(CheckpointError) as raised, staged() as stage:
        raise CheckpointError(f"{stage.input(f'{RUN}/model')}/MANIFEST.json must be there.")
    assert str(raised.value) == f"{RUN}/model/MANIFEST.json must be there."
    with pytest.raises(DataError, match=r"^It is bad\.$") as raised, staged():
        raise DataError("It is bad.")
    assert raised.value.__cause__ is None


def test_a_full_disk_is_that_of_this_machine(bucket, scratch):
    with pytest.raises(DiskFullError, match=str(scratch)), staged() as stage:
        raise DiskFullError(f"The file system under {stage.output(f'{RUN}/model')} is full.")


def test_a_bucket_is_no_artifact(bucket):
    places.write_bytes("gs://speech/kept", b"1")
    message = "must lie below a bucket, and not be the bucket gs://speech itself"
    with staged() as stage, pytest.raises(UsageError, match=message):
        stage.output("gs://speech")
    assert content_of("gs://speech") == {"kept": b"1"}


def test_a_copy_is_named_after_its_real_path(bucket, scratch, monkeypatch, tmp_path):
    (tmp_path / "link").symlink_to(scratch)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "link"))
    with staged() as stage:
        copy = stage.input(f"{RUN}/model")
        assert copy == copy.resolve()
        assert Path(scratch) in copy.parents
