"""safetensors: what the package writes is read, and a header that lies is an error before anything is read."""

import json
import os
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from model.checkpoint.readers.safetensors_file import MAX_HEADER_BYTES, read_safetensors
from model.errors import CheckpointError

GOLDEN = Path(__file__).parents[3] / "golden" / "torch_files"
ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def file_of(header, data=b"\0" * 8):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def test_what_pytorch_wrote():
    tensors = read_safetensors(GOLDEN / "tensors.safetensors")
    expected = {
        "float32": np.arange(6, dtype=np.float32).reshape(2, 3),
        "bfloat16": np.arange(3).astype(ml_dtypes.bfloat16),
        "bool": np.array([True, False]),
    }
    assert set(tensors) == set(expected)
    for name, value in expected.items():
        assert (tensors[name].dtype, tensors[name].shape) == (value.dtype.name, value.shape)
        np.testing.assert_array_equal(tensors[name].read(), value, strict=True)


@pytest.mark.parametrize("dtype", "f8 f4 f2 i8 i4 i2 i1 u8 u4 u2 u1 ?".split())
def test_every_dtype(dtype, path):
    values = {
        "matrix": np.arange(6).reshape(2, 3).astype(dtype),
        "scalar": np.array(1, dtype),
        "empty": np.zeros((0, 2), dtype),
    }
    safetensors.numpy.save_file(values, path, metadata={"format": "np"})
    tensors = read_safetensors(path)
    assert set(tensors) == set(values)
    for name, value in values.items():
        assert tensors[name].dtype == value.dtype.name
        np.testing.assert_array_equal(tensors[name].read(), value, strict=True)


def test_one_tensor_is_read_at_a_time(path, measure_memory):
    safetensors.numpy.save_file({str(number): np.full(250_000, number, np.float32) for number in range(20)}, path)
    peak_bytes = measure_memory()
    tensors = read_safetensors(path)
    assert peak_bytes() < 200_000
    assert [tensors[str(number)].read().sum() for number in range(20)] == [number * 250_000 for number in range(20)]
    assert peak_bytes() < 2_200_000


def test_no_tensors(path):
    path.write_bytes(file_of({}, b""))
    assert read_safetensors(path) == {}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "its first 8 bytes say how long its header is; it has 0"),
        (b"1234567", "it has 7"),
        (b"\xff" * 8 + b"{}", "no more than the 2 that follow; the file says 18446744073709551615"),
        ((3).to_bytes(8, "little") + b"{}", "no more than the 2 that follow; the file says 3"),
        (bytes(8), "takes 2 bytes or more, .* the file says 0"),
        (file_of(b"[]"), r"starts with '\{', not with b'\['"),
        (file_of(b"{}  x"), "is a JSON object in UTF-8, and this one is not"),
        (file_of(b'{"\xff":1}'), "is a JSON object in UTF-8, and this one is not"),
        (file_of(b'{"a":' + b"[" * 100_000), "it is nested too deeply"),
        (file_of(b'{"a":' + b"9" * 5000 + b"}"), "is not|has a dtype"),
        (file_of(b'{"\\ud800":{}}'), r"its names are Unicode text; '\\ud800' is none"),
        (file_of(b'{"a":{},"a":{}}'), "names every tensor once, and 'a' twice"),
        (file_of({"__metadata__": {"a": 1}}), "its __metadata__ is a JSON object of strings"),
        (file_of({"__metadata__": []}), "its __metadata__ is a JSON object of strings"),
        (file_of({"a": 1}), "the tensor 'a' has a dtype, a shape and data_offsets"),
        (file_of({"a": [["dtype", "F32"], ["shape", [2]], ["data_offsets", [0, 8]]]}), "the tensor 'a' has a dtype"),
        (file_of({"a": {**ENTRY, "more": 1}}), "and no more"),
        (file_of(b'{"a":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}'), "each once"),
        (
            file_of({"a": {**ENTRY, "dtype": "F8_E4M3"}}),
            "must have one of the dtypes .*, not 'F8_E4M3'; save it in",
        ),
        (file_of({"a": {**ENTRY, "dtype": ["F32"]}}), "must have one of the dtypes"),
        (file_of({"a": {**ENTRY, "shape": 2}}), "the shape of 'a' is a list of sizes; it is 2"),
        (file_of({"a": {**ENTRY, "shape": {}}}), "the shape of 'a' is a list of sizes"),
        (file_of({"a": {**ENTRY, "shape": [-2]}}), r"is a list of sizes; it is \[-2\]"),
        (file_of({"a": {**ENTRY, "shape": [2.0]}}), "is a list of sizes"),
        (file_of({"a": {**ENTRY, "shape": [True, 2]}}), "is a list of sizes"),
        (file_of({"a": {**ENTRY, "shape": [1] * 33}}), "is a list of sizes"),
        (file_of({"a": {**ENTRY, "shape": [2**62, 0], "data_offsets": [0, 0]}}), "is a list of sizes"),
        (file_of({"a": {**ENTRY, "shape": [3]}}), r"takes 12 bytes by its dtype F32 and its shape \[3\]"),
        (file_of({"a": {**ENTRY, "shape": [10**12]}}), "takes 4000000000000 bytes"),
        (file_of({"a": {**ENTRY, "data_offsets": [0]}}), r"are two whole numbers, not \[0\]"),
        (file_of({"a": {**ENTRY, "data_offsets": [0, 8.0]}}), "are two whole numbers"),
        (file_of({"a": {**ENTRY, "data_offsets": [8, 0]}}), r"its data_offsets are \[8, 0\]"),
        (file_of({"a": {**ENTRY, "data_offsets": [-8, 0]}}), "'a' must begin at 0, and begins at -8"),
        (file_of({"a": {**ENTRY, "data_offsets": [8, 16]}}), "'a' must begin at 0, and begins at 8"),
        (file_of({"a": ENTRY, "b": ENTRY}), "'b' must begin at 8, and begins at 0"),
        (file_of({"a": {**ENTRY, "data_offsets": [10**30, 10**30 + 8]}}), "begins at a number of more than 30 digits"),
        (file_of({"a": {**ENTRY, "data_offsets": [10**30, 10**30 + 8], "shape": [1]}}), "takes 4 bytes"),
        (file_of({"a": ENTRY}, b"\0" * 9), "its tensors take 8 bytes behind the header; it has 9"),
        (file_of({"a": ENTRY}, b"\0" * 7), "its tensors take 8 bytes behind the header; it has 7"),
    ],
)
def test_headers_that_lie(data, message, path):
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=f"model.safetensors.*{message}"):
        read_safetensors(path)


def test_a_header_is_limited(path, measure_memory):
    with path.open("wb") as file:
        file.write((MAX_HEADER_BYTES + 1).to_bytes(8, "little"))
        file.truncate(2 * MAX_HEADER_BYTES)
    peak_bytes = measure_memory()
    with pytest.raises(CheckpointError, match=f"at most {MAX_HEADER_BYTES} and no more"):
        read_safetensors(path)
    assert peak_bytes() < 100_000


def test_no_regular_file(tmp_path):
    for name, message in (("none", "must be readable"), (".", "must be a regular file")):
        with pytest.raises(CheckpointError, match=message):
            read_safetensors(tmp_path / name)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="must be a regular file"):
        read_safetensors(tmp_path / "pipe")


def test_a_file_that_becomes_shorter(path):
    path.write_bytes(file_of({"a": ENTRY}))
    tensor = read_safetensors(path)["a"]
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="must hold 8 bytes at .*; it has become shorter"):
        tensor.read()
