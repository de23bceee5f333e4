"""RELEASE.json: what is written is read, and what is not whole is refused."""

import json

import pytest

from model.errors import ReleaseError
from model.export.release import RELEASE_FILE, Release, check_files, read_release
from model.storage import release_digest, sha256_of_files


@pytest.fixture
def folder(tmp_path):
    """A release of two small files."""
    for name, text in (("saved_model/saved_model.pb", "graph"), ("onnx/onnx/model.onnx", "onnx")):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    files = sha256_of_files(tmp_path)
    Release(
        name="small", model_digest="5" * 64, release_digest=release_digest(files), files=files,
        sizes_bytes={"saved_model/saved_model.pb": 5, "onnx/onnx/model.onnx": 4},
        source_checkpoint={"name": "base", "sha256": "7" * 64}, license="mit", language="en", sample_rate_hz=16_000,
        versions={"keras": "3"},
    ).write(tmp_path)  # fmt: skip
    return tmp_path


def change(folder, **fields):
    value = json.loads((folder / RELEASE_FILE).read_text())
    (folder / RELEASE_FILE).write_text(json.dumps({**value, **fields}))


def listing(folder, path):
    """Lists a file as whoever wants it to be copied somewhere else would."""
    files = {**json.loads((folder / RELEASE_FILE).read_text())["files"], path: "0" * 64}
    change(folder, files=files, sizes_bytes=dict.fromkeys(files, 1), release_digest=release_digest(files))


def test_what_is_written_is_read(folder):
    release = read_release(folder)
    assert (release.name, release.license, release.format, release.version) == ("small", "mit", None, None)
    assert list(release.files_of("onnx")) == ["onnx/model.onnx"]
    assert release.sizes_of("saved_model") == {"saved_model.pb": 5}
    # The digest of two files of five and four bytes, as `printf 'path\0sha256\n' | sha256sum` gives it.
    assert release.release_digest == "1f70bc6929c84c7688d883684bfefd96fb59ac246d5a7c576a8b7623bf0a5775"
    assert set(json.loads((folder / RELEASE_FILE).read_text())) >= {
        "release_digest", "model_digest", "files", "name", "source_checkpoint", "versions"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: (d / RELEASE_FILE).unlink(), "must be the whole description of a release: .*No such file"),
        (lambda d: (d / RELEASE_FILE).write_text('{"name"'), "must be the whole description of a release"),
        (lambda d: (d / RELEASE_FILE).write_text("[]"), "must be the whole description of a release"),
        (lambda d: (d / RELEASE_FILE).write_text("{}"), "must be the whole description of a release"),
        (lambda d: change(d, release_digest="0" * 64), "must be that of the files it lists, .*, not 0{64}; copy it"),
        (lambda d: change(d, files={}), "must be that of the files it lists"),
        (lambda d: change(d, sizes_bytes={}), "must be that of the files it lists"),
        (lambda d: change(d, files=3), "must be the whole description of a release"),
        (lambda d: listing(d, "onnx/../../escaped"), r"its file 'onnx/\.\./\.\./escaped' is not below saved_model"),
        (lambda d: listing(d, "/etc/escaped"), r"its file '/etc/escaped' is not below saved_model, onnx, check"),
        (lambda d: listing(d, "onnx"), "its file 'onnx' is not below"),
        (lambda d: listing(d, "other/file"), "its file 'other/file' is not below"),
        (lambda d: change(d, license=None), "its license is None, and no text; copy it again"),
        (lambda d: change(d, format="tflite"), "its format is 'tflite', and none of saved_model, onnx, checkpoint"),
    ],
)
def test_a_description_that_is_not_whole_is_refused(folder, spoil, message):
    spoil(folder)
    with pytest.raises(ReleaseError, match=message):
        read_release(folder)


def test_files_are_compared_by_size_and_by_hash(folder):
    release = read_release(folder)
    check_files(folder / "onnx", release, "onnx", hashes=True)
    file = folder / "onnx" / "onnx" / "model.onnx"
    file.write_text("ONNX")
    check_files(folder / "onnx", release, "onnx", hashes=False)
    with pytest.raises(ReleaseError, match=r"model\.onnx must be as it was exported, and its sha256 has changed"):
        check_files(folder / "onnx", release, "onnx", hashes=True)
    file.write_text("onn")
    with pytest.raises(ReleaseError, match=r"model\.onnx must have 4 bytes, and has 3; copy"):
        check_files(folder / "onnx", release, "onnx", hashes=False)
    file.unlink()
    with pytest.raises(ReleaseError, match=r"must hold onnx/model\.onnx, which its RELEASE\.json names, and does not"):
        check_files(folder / "onnx", release, "onnx", hashes=False)
