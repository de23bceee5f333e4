"""What torch.save writes is read without PyTorch: both formats, every dtype, views and fairseq's objects."""

import struct
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from model.checkpoint.readers.pickled_object import PickledName, PickledObject
from model.checkpoint.readers.stored_tensor import StoredTensor
from model.checkpoint.readers.torch_file import read_torch
from model.errors import CheckpointError

GOLDEN = Path(__file__).parents[3] / "golden" / "torch_files"
BASE = np.arange(24, dtype=np.float32).reshape(4, 6)
SIX = np.arange(6, dtype="<f4").tobytes()


@pytest.fixture
def read(tmp_path):
    def read_bytes(data):
        path = tmp_path / "weights.pt"
        path.write_bytes(data)
        return read_torch(path)

    return read_bytes


def assert_tensor(tensor, expected):
    assert isinstance(tensor, StoredTensor)
    value = tensor.read()
    assert (tensor.dtype, tensor.shape) == (expected.dtype.name, expected.shape)
    assert value.dtype == expected.dtype
    assert value.flags.c_contiguous
    np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("name", ["tensors_zip.pt", "tensors_legacy.pt"])
def test_tensors_of_every_kind(name):
    found = read_torch(GOLDEN / name)
    expected = {
        "base": BASE,
        "transposed": BASE.T,
        "part": BASE[1:3, 2:5],
        "every_second": BASE[:, ::2],
        "diagonal": BASE.diagonal(),
        "scalar": np.float32(7),
        "empty": np.zeros((0, 3), np.float32),
        "one_row_expanded": BASE[:1],
        "parameter": np.arange(3, dtype=np.float32),
        "attributed": np.arange(2, dtype=np.float32),
        "float64": np.arange(3, dtype=np.float64),
        "float16": np.arange(3, dtype=np.float16),
        "bfloat16": np.arange(6).reshape(2, 3).T.astype(ml_dtypes.bfloat16),
        "int64": np.arange(-1, 2, dtype=np.int64),
        "int32": np.arange(-1, 2, dtype=np.int32),
        "int16": np.arange(-1, 2, dtype=np.int16),
        "int8": np.arange(-1, 2, dtype=np.int8),
        "uint8": np.arange(3, dtype=np.uint8),
        "bool": np.array([True, False, True]),
    }
    if "zip" in name:
        expected["uint16"] = np.arange(3, dtype=np.uint16)
    assert set(found) == {*expected, "module", "plain"}
    for key, value in expected.items():
        assert_tensor(found[key], np.asarray(value))
    assert type(found["module"]) is dict
    assert_tensor(found["module"]["weight"], np.arange(6, dtype=np.float32).reshape(3, 2))
    assert_tensor(found["module"]["bias"], np.arange(3, dtype=np.float32))


@pytest.mark.parametrize("name", ["tensors_zip.pt", "tensors_legacy.pt"])
def test_plain_values(name):
    plain = read_torch(GOLDEN / name)["plain"]
    assert plain == [
        *(1, -2, 2**70, 1.5, True, None, "text", b"\xff\x00", b"", (1, (2, 3))),
        *("torch.float16", "cpu", "cuda:1", (2, 3), {"a": [1]}),
    ]
    assert plain[4] is True
    assert type(plain[10]) is PickledName
    assert [type(value) for value in plain[-4:]] == [str, str, tuple, dict]


@pytest.mark.parametrize("name", ["fairseq_zip.pt", "fairseq_legacy.pt"])
def test_the_objects_of_fairseq_are_inert(name):
    found = read_torch(GOLDEN / name)
    arguments = found["args"]
    assert isinstance(arguments, PickledObject)
    assert arguments.type == "argparse.Namespace"
    assert arguments.state["arch"] == "wav2vec2"
    assert (arguments.state["mode"].type, arguments.state["mode"].arguments) == (
        "fairseq.dataclass.constants.CHOICE",
        ("layer_norm",),
    )
    assert arguments.state["path"].arguments == ("a", "b")
    config = found["cfg"]
    leaf = config.state["_content"]["encoder_embed_dim"]
    assert (leaf.type, leaf.state["_val"], leaf.state["_type"]) == ("omegaconf.nodes.AnyNode", 768, "typing.Any")
    assert leaf.state["_parent"] is config
    assert_tensor(found["model"]["w2v_encoder.proj.weight"], np.arange(6, dtype=np.float16).reshape(2, 3))
    dictionary = found["task_state"]["target_dictionary"]
    assert dictionary.type == "fairseq.data.dictionary.Dictionary"
    assert dictionary.state["symbols"] == ["<s>", "<pad>", "</s>", "<unk>", "|", "E"]
    extra = found["extra_state"]
    assert extra["best"].type.endswith("multiarray.scalar")
    assert extra["best"].arguments[1] == struct.pack("<d", 0.5)
    assert extra["meters"].content == {"loss": 1.0}
    assert (extra["tags"].type, extra["tags"].arguments) == ("builtins.set", (["a"],))
    optimizer = found["last_optimizer_state"]
    assert optimizer["param_groups"] == [{"lr": 0.1}]
    assert optimizer["state"][0]["step"] == 3
    assert_tensor(optimizer["state"][0]["exp_avg"], np.arange(2, dtype=np.float32))


def test_a_later_protocol():
    assert_tensor(read_torch(GOLDEN / "protocol_5_zip.pt")["a"], np.arange(6, dtype=np.float32).reshape(2, 3))


def test_torch_script_is_refused():
    with pytest.raises(CheckpointError, match="is a TorchScript program; save its state_dict"):
        read_torch(GOLDEN / "script.pt")


def test_values_are_read_anew_and_may_be_changed():
    tensor = read_torch(GOLDEN / "tensors_zip.pt")["base"]
    tensor.read()[:] = 0
    np.testing.assert_array_equal(tensor.read(), BASE)


def test_a_file_that_becomes_shorter(pickles, tmp_path):
    path = tmp_path / "weights.pt"
    path.write_bytes(pickles.zip_file(pickles.tensor(), {"0": SIX}))
    tensor = read_torch(path)
    path.write_bytes(b"PK")
    with pytest.raises(CheckpointError, match="it has become shorter since it was opened"):
        tensor.read()
    path.unlink()
    with pytest.raises(CheckpointError, match="must be readable, and is not"):
        tensor.read()


def test_a_part_of_a_storage_as_old_files_have_it(pickles, read):
    part = pickles.tuple(pickles.text("part"), pickles.number(2), pickles.number(3))
    storage = pickles.storage(view=part)
    tensor = read(pickles.legacy_file(pickles.tensor(storage, 1, (2,), (1,)), {"0": (6, SIX)}))
    assert_tensor(tensor, np.array([3, 4], np.float32))
    with pytest.raises(CheckpointError, match=r"must lie within the storage's 12 bytes; its shape is \[3\]"):
        read(pickles.legacy_file(pickles.tensor(storage, 1, (3,), (1,)), {"0": (6, SIX)}))
    part = pickles.tuple(pickles.text("part"), pickles.number(4), pickles.number(3))
    with pytest.raises(CheckpointError, match="within the 6 values of its storage '0'; it has 3 from 4 on"):
        read(pickles.legacy_file(pickles.tensor(pickles.storage(view=part), 0, (2,), (1,)), {"0": (6, SIX)}))


def test_an_ordered_dict_of_python_2(pickles, read):
    items = pickles.list(pickles.list(b"U\x01a", pickles.tensor()))
    found = read(
        pickles.legacy_file(pickles.call("collections", "OrderedDict", items) + b"}U\x01bK\x01sb", {"0": (6, SIX)})
    )
    assert list(found) == ["a"]
    assert_tensor(found["a"], np.arange(6, dtype=np.float32).reshape(2, 3))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "must be a file of torch.save; it starts with b''"),
        (b"<html>404", "it starts with b'<html>40'"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a pointer of Git LFS; fetch the file with"),
        (b"storages".ljust(257, b"\0") + b"ustar\x0000", "is one of the tar archives before that"),
        (b"\x80\x02}.", "is a pickle of something else"),
        (b"\x80\x02", "it must be whole"),
        (b"PK\x03\x04 and no more", "must end with the directory of its members"),
    ],
)
def test_other_files(data, message, read):
    with pytest.raises(CheckpointError, match=message):
        read(data)


def test_no_file(tmp_path):
    with pytest.raises(CheckpointError, match="must be readable, and is not"):
        read_torch(tmp_path / "none.pt")
    with pytest.raises(CheckpointError, match="must be a regular file"):
        read_torch(tmp_path)
    with pytest.raises(CheckpointError, match="must be readable, and is not"):
        read_torch("a\0b")


def test_archives_that_are_no_checkpoint(pickles, read, tmp_path):
    for count in (0, 2):
        path = tmp_path / "other.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", b"hello")
            for number in range(count):
                archive.writestr(f"{number}/data.pkl", b"\x80\x02N.")
        with pytest.raises(CheckpointError, match=f"with one data.pkl; it has {count}"):
            read_torch(path)
    data = pickles.tensor()
    with pytest.raises(CheckpointError, match="not compressed as 'archive/data.pkl' is"):
        read(pickles.zip_file(data, {"0": SIX}, zipfile.ZIP_DEFLATED))
    with pytest.raises(CheckpointError, match="must be little-endian, and says b'big'"):
        read(pickles.zip_file(data, {"0": SIX}, byteorder=b"big"))
    with pytest.raises(CheckpointError, match="must hold its storage '0', and does not"):
        read(pickles.zip_file(data))
    for content in (SIX[:-1], SIX + b"1234"):
        with pytest.raises(
            CheckpointError, match="storage '0' of .* must have the 24 bytes that its pickle says; it has"
        ):
            read(pickles.zip_file(data, {"0": content}))
    with pytest.raises(CheckpointError, match=r"data\.pkl of .* must take 16777216 bytes at most"):
        read(pickles.zip_file(b"B" + (2**24).to_bytes(4, "little") + bytes(2**24)))


def test_an_empty_storage_need_not_be_there(pickles, read):
    tensor = read(pickles.zip_file(pickles.tensor(pickles.storage(count=0), 0, (0, 4), (4, 1))))
    assert_tensor(tensor, np.zeros((0, 4), np.float32))


def test_old_files_that_lie(pickles, read):
    data = pickles.tensor()
    with pytest.raises(CheckpointError, match="must have the version 1001 of its format, not 1002"):
        read(pickles.legacy_file(data, {"0": (6, SIX)}, version=1002))
    with pytest.raises(CheckpointError, match="must be little-endian, and does not say so"):
        read(pickles.legacy_file(data, {"0": (6, SIX)}, little_endian=b"\x89"))
    with pytest.raises(CheckpointError, match="must list the 1 storages that its pickle names; it lists 0"):
        read(pickles.legacy_file(data))
    with pytest.raises(CheckpointError, match="must list each storage of its pickle once; it lists '1'"):
        read(pickles.legacy_file(data, {"1": (6, SIX)}))
    with pytest.raises(CheckpointError, match="must hold the 6 values of its storage '0'; it says 7"):
        read(pickles.legacy_file(data, {"0": (7, SIX + b"1234")}))
    with pytest.raises(CheckpointError, match="must hold the 6 values of its storage '0'; it says 6, and ends at"):
        read(pickles.legacy_file(data, {"0": (6, SIX[:-1])}))
    with pytest.raises(CheckpointError, match="must end with its last storage"):
        read(pickles.legacy_file(data, {"0": (6, SIX)}) + b"more")
