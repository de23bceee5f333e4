"""Whatever is done to a file, it is read or it is a CheckpointError, and it takes little memory."""

import json
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.checkpoint.readers.pickled_object import PickledObject
from model.checkpoint.readers.safetensors_file import read_safetensors
from model.checkpoint.readers.sharded import read_sharded
from model.checkpoint.readers.stored_tensor import StoredTensor
from model.checkpoint.readers.torch_file import read_torch
from model.errors import CheckpointError

GOLDEN = Path(__file__).parents[3] / "golden" / "torch_files"
SIX = np.arange(6, dtype="<f4").tobytes()
# The fixtures make nothing that an example could change, besides one file that each example writes anew.
SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

# What damages well: lengths, counts and signs at their limits, and opcodes.
PIECES = st.one_of(
    st.binary(max_size=9),
    st.sampled_from(
        [b"\0", b"\xff", b"\x7f", b"\x80", b"\xff" * 4, b"\xff" * 8, b"\0" * 8, b"\xff\xff\xff\x7f", b"PK"]
    ),
    st.sampled_from(
        [b"q\x00", b"h\x00", b"R", b"b", b"Q", b"(", b"t", b"}", b"]", b"u", b"s", b"0", b".", b"\x81", b"N"]
    ),
    st.sampled_from([b"0", b"9", b"-", b"[", b"]", b"{", b"}", b",", b'"', b"1e9", b"\\ud800", b"999999999999999999"]),
)
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "delete", "cut", "copy", "flip"]),
        st.integers(0, 2**16),
        st.integers(0, 2**16),
        PIECES,
    ),
    min_size=1,
    max_size=4,
)


def mutate(data, edits):
    for kind, first, second, piece in edits:
        at = first % (len(data) + 1)
        if kind == "replace":
            data = data[:at] + piece + data[at + len(piece) :]
        elif kind == "insert":
            data = data[:at] + piece + data[at:]
        elif kind == "delete":
            data = data[:at] + data[at + second % 9 :]
        elif kind == "cut":
            data = data[:at]
        elif kind == "copy":
            data = data[:at] + data[second % (len(data) + 1) :][:16] + data[at:]
        elif at < len(data):
            data = data[:at] + bytes([data[at] ^ 1 << second % 8]) + data[at + 1 :]
    return data


def read_all(value):
    """Reads every tensor in a result, and returns how many there are."""
    todo, seen, count = [value], set(), 0
    while todo:
        item = todo.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, StoredTensor):
            array = item.read()
            assert (array.dtype.name, array.shape) == (item.dtype, item.shape)
            count += 1
        elif isinstance(item, PickledObject):
            todo += [item.arguments, item.state, item.content]
        elif isinstance(item, dict):
            todo += item.values()
        elif isinstance(item, list | tuple):
            todo += item
        else:
            assert isinstance(item, str | bytes | int | float | None), type(item)
    return count


def read_or_refuse(read, path):
    message = ""
    try:
        read_all(read(path))
    except CheckpointError as error:
        message = str(error)
    assert message == "" or message.isprintable(), ascii(message)
    assert len(message) < 1500
    return message


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


@pytest.fixture(scope="module")
def content(pickles):
    """A pickle with all that a checkpoint has, and its storages."""
    namespace = pickles.name("argparse", "Namespace") + b")\x81q\x00" + pickles.dict(a=b"K\x01", me=b"h\x00") + b"b"
    value = pickles.dict(
        a=pickles.tensor(),
        t=pickles.tensor(None, 1, (2, 2), (1, 2)),
        p=pickles.call("torch._utils", "_rebuild_parameter", pickles.tensor(), b"\x88", pickles.ordered_dict),
        h=pickles.tensor(pickles.storage("BFloat16Storage", "1", 3), 0, (3,), (1,)),
        n=namespace,
        l=pickles.list(b"K\x01", b"G" + bytes(8), b"N", pickles.name("torch", "float16"), pickles.number(2**40)),
        d=pickles.call("collections", "OrderedDict") + pickles.dict(_metadata=b"}") + b"b",
    )
    return value, {"0": SIX, "1": bytes(6)}


@pytest.fixture(scope="module")
def zip_data(pickles, content):
    return pickles.zip_file(*content, byteorder=b"little")


@pytest.fixture(scope="module")
def legacy_data(pickles, content):
    value, storages = content
    return pickles.legacy_file(value, {"0": (6, storages["0"]), "1": (3, storages["1"])})


@pytest.fixture(scope="module")
def safetensors_data():
    tensors = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.zeros(3, ml_dtypes.bfloat16),
        "c": np.ones((), np.int64),
    }
    return safetensors.numpy.save(tensors, metadata={"format": "pt"})


def test_the_files_are_read_as_they_are(zip_data, legacy_data, safetensors_data, path):
    for data, read, count in (
        (zip_data, read_torch, 4),
        (legacy_data, read_torch, 4),
        (safetensors_data, read_safetensors, 3),
    ):
        path.write_bytes(data)
        assert read_all(read(path)) == count


@settings(SETTINGS, max_examples=1500)
@given(edits=EDITS)
def test_safetensors(edits, safetensors_data, path):
    path.write_bytes(mutate(safetensors_data, edits))
    read_or_refuse(read_safetensors, path)


@settings(SETTINGS, max_examples=1000)
@given(edits=EDITS)
def test_torch_zip(edits, zip_data, path):
    path.write_bytes(mutate(zip_data, edits))
    read_or_refuse(read_torch, path)


@settings(SETTINGS, max_examples=1500)
@given(edits=EDITS)
def test_torch_legacy(edits, legacy_data, path):
    path.write_bytes(mutate(legacy_data, edits))
    read_or_refuse(read_torch, path)


@settings(SETTINGS, max_examples=1500)
@given(edits=EDITS)
def test_the_pickle_in_a_whole_archive(edits, pickles, content, path):
    value, storages = content
    path.write_bytes(pickles.zip_file(mutate(value, edits), storages))
    read_or_refuse(read_torch, path)


@settings(SETTINGS, max_examples=200)
@given(name=st.sampled_from(["tensors_zip", "tensors_legacy", "fairseq_zip", "fairseq_legacy", "script"]), edits=EDITS)
def test_files_of_pytorch(name, edits, path):
    path.write_bytes(mutate((GOLDEN / f"{name}.pt").read_bytes(), edits))
    read_or_refuse(read_torch, path)


@settings(SETTINGS, max_examples=300)
@given(edits=EDITS)
def test_an_index(edits, safetensors_data, path):
    path.with_name("one.safetensors").write_bytes(safetensors_data)
    index = {"metadata": {"total_size": 38}, "weight_map": dict.fromkeys("abc", "one.safetensors")}
    path.write_bytes(mutate(json.dumps(index).encode(), edits))
    read_or_refuse(read_sharded, path)


@settings(SETTINGS, max_examples=1000)
@given(data=st.data())
def test_pickles_of_random_steps(data, pickles, path):
    steps = [
        *(
            b"(",
            b"t",
            b"]",
            b"}",
            b")",
            b"N",
            b"K\x02",
            b"J\xff\xff\xff\xff",
            b"\x85",
            b"\x86",
            b"\x87",
            b"a",
            b"e",
            b"s",
        ),
        *(
            b"u",
            b"R",
            b"b",
            b"\x81",
            b"\x92",
            b"Q",
            b"0",
            b"1",
            b"l",
            b"d",
            b"q\x00",
            b"h\x00",
            b"\x94",
            b"h\x01",
            b"\x8f",
        ),
        *(
            b"\x90",
            b"\x91",
            b"X\x01\x00\x00\x00a",
            b"B\x01\x00\x00\x00a",
            b"\x89",
            b"G" + bytes(8),
            pickles.ordered_dict,
        ),
        *(pickles.storage(), pickles.tensor(), pickles.name("torch", "FloatStorage"), pickles.name("torch", "Size")),
        *(pickles.name("argparse", "Namespace"), pickles.name("_codecs", "encode"), pickles.text("latin1")),
        *(pickles.name("torch._utils", "_rebuild_tensor_v2"), pickles.name("torch._tensor", "_rebuild_from_type_v2")),
        *(pickles.name("collections", "defaultdict"), pickles.name("builtins", "set"), pickles.name("torch", "device")),
        *(pickles.text("storage"), pickles.text("0"), pickles.number(2**63), pickles.tuple(b"K\x02"), pickles.tuple()),
    ]
    value = b"".join(data.draw(st.lists(st.sampled_from(steps), max_size=30)))
    # A tuple around all of it makes most of these pickles end well.
    path.write_bytes(pickles.zip_file(b"(" + value + b"t", {"0": SIX}))
    read_or_refuse(read_torch, path)


@settings(SETTINGS, max_examples=300)
@given(edits=EDITS)
def test_memory_is_bounded(edits, zip_data, legacy_data, safetensors_data, path, measure_memory):
    for data, read in ((zip_data, read_torch), (legacy_data, read_torch), (safetensors_data, read_safetensors)):
        mutated = mutate(data, edits)
        path.write_bytes(mutated)
        peak_bytes = measure_memory()
        read_or_refuse(read, path)
        assert peak_bytes() < 64 * len(mutated) + 300_000
