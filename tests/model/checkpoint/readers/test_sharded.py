"""A checkpoint in several files is what its index says, no more and no less."""

import json

import numpy as np
import pytest
import safetensors.numpy

from model.checkpoint.readers.sharded import MAX_INDEX_BYTES, read_sharded
from model.errors import CheckpointError

ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
TENSORS = {"a": np.arange(3, dtype=np.float32), "b": np.arange(4, dtype=np.int64), "c": np.zeros((2, 2), np.float16)}


@pytest.fixture
def directory(tmp_path):
    made = tmp_path / "checkpoint"
    made.mkdir()
    write_shards(made)
    return made


def write_shards(directory):
    safetensors.numpy.save_file({name: TENSORS[name] for name in "ab"}, directory / ONE)
    safetensors.numpy.save_file({"c": TENSORS["c"]}, directory / TWO)
    write_index(directory, {"c": TWO, "a": ONE, "b": ONE})


def write_index(directory, weight_map, **more):
    path = directory / "model.safetensors.index.json"
    path.write_text(json.dumps({"metadata": {"total_size": 52}, "weight_map": weight_map, **more}))


def read(directory):
    return read_sharded(directory / "model.safetensors.index.json")


def test_the_tensors_of_all_files(directory):
    tensors = read(directory)
    assert list(tensors) == ["c", "a", "b"]
    for name, value in TENSORS.items():
        np.testing.assert_array_equal(tensors[name].read(), value, strict=True)


def test_files_of_torch_save(pickles, tmp_path):
    content = np.arange(6, dtype="<f4").tobytes()
    (tmp_path / "one.bin").write_bytes(pickles.zip_file(pickles.dict(a=pickles.tensor()), {"0": content}))
    (tmp_path / "two.bin").write_bytes(pickles.legacy_file(pickles.dict(b=pickles.tensor()), {"0": (6, content)}))
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "one.bin", "b": "two.bin"}}))
    tensors = read_sharded(index)
    for name in "ab":
        np.testing.assert_array_equal(tensors[name].read(), np.arange(6, dtype=np.float32).reshape(2, 3))
    (tmp_path / "two.bin").write_bytes(pickles.zip_file(pickles.list()))
    with pytest.raises(CheckpointError, match=r"two.bin must hold a dict of tensors, not \[\]"):
        read_sharded(index)
    (tmp_path / "two.bin").write_bytes(pickles.zip_file(pickles.dict(b=b"N")))
    with pytest.raises(CheckpointError, match="two.bin must hold tensors by name only, not None as 'b'"):
        read_sharded(index)


@pytest.mark.parametrize(
    "name",
    [
        "../x.safetensors",
        "/etc/passwd",
        "a/b.safetensors",
        "..",
        ".",
        "",
        "a\\b.safetensors",
        "C:x",
        "a\0b",
        "a\nb",
        "a" * 5000,
    ],
)
def test_names_that_lead_elsewhere(name, directory):
    write_index(directory, {"a": name})
    with pytest.raises(CheckpointError, match="must name files that lie beside it, not") as caught:
        read(directory)
    assert len(str(caught.value)) < 1000


def test_links_that_lead_elsewhere(directory, tmp_path):
    (directory / TWO).rename(tmp_path / "moved.safetensors")
    (directory / TWO).symlink_to(tmp_path / "moved.safetensors")
    with pytest.raises(CheckpointError, match="must lie beside its index, and is a link to .*moved.safetensors"):
        read(directory)
    (directory / TWO).unlink()
    (directory / TWO).symlink_to(TWO)
    with pytest.raises(CheckpointError, match=f"must hold {TWO}, which its index names"):
        read(directory)


def test_the_links_of_the_hub_cache(tmp_path):
    blobs = tmp_path / "models--x" / "blobs"
    snapshot = tmp_path / "models--x" / "snapshots" / "0123"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    write_shards(blobs)
    for file in blobs.iterdir():
        (snapshot / file.name).symlink_to(f"../../blobs/{file.name}")
    assert set(read(snapshot)) == set(TENSORS)


@pytest.mark.parametrize(
    ("weight_map", "message"),
    [
        ({"a": ONE, "c": TWO}, "'b' of the checkpoint of .* must be in the index, and is only in its file"),
        ({"a": ONE, "b": TWO, "c": TWO}, "'b' .* must be in the file that the index names"),
        ({"a": ONE, "b": ONE, "c": TWO, "d": TWO}, "'d' .* must be in the file that the index names"),
        ({"a": ONE, "b": ONE, "c": "no.safetensors"}, "must hold no.safetensors, which its index names"),
        (
            {"a": ONE, "b": ONE, "c": "model.h5"},
            "must name files that end with .safetensors, .bin, .pt, .pth, not 'mod",
        ),
        ({"a": ONE, "b": ONE, "c": 3}, "the file of 'c' must be a name, not 3"),
        ({}, "its weight_map must be a JSON object"),
        ([ONE], "its weight_map must be a JSON object"),
    ],
)
def test_an_index_that_lies(weight_map, message, directory):
    write_index(directory, weight_map)
    with pytest.raises(CheckpointError, match=message):
        read(directory)


def test_a_tensor_in_two_files(directory):
    safetensors.numpy.save_file({"c": TENSORS["c"], "b": TENSORS["b"]}, directory / TWO)
    with pytest.raises(CheckpointError, match="'b' .* must be in one file only"):
        read(directory)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "must be JSON in UTF-8"),
        (b"\xff", "must be JSON in UTF-8"),
        (b"[]", "must be a JSON object, and its metadata too"),
        (b'{"weight_map": {"a": "x"}, "metadata": 1}', "must be a JSON object, and its metadata too"),
        (b'{"weight_map": {"a": "x", "a": "y"}}', "names everything once: 'a' comes twice"),
        (b"[" * 100_000, "it may not be nested deeply, and is"),
    ],
)
def test_an_index_that_is_none(text, message, tmp_path):
    path = tmp_path / "model.safetensors.index.json"
    path.write_bytes(text)
    with pytest.raises(CheckpointError, match=message):
        read_sharded(path)


def test_an_index_is_limited(tmp_path):
    path = tmp_path / "model.safetensors.index.json"
    path.write_bytes(b" " * (MAX_INDEX_BYTES + 1))
    with pytest.raises(CheckpointError, match=f"must take {MAX_INDEX_BYTES} bytes at most"):
        read_sharded(path)


def test_no_index(tmp_path):
    with pytest.raises(CheckpointError, match="must be readable"):
        read_sharded(tmp_path / "model.safetensors.index.json")
