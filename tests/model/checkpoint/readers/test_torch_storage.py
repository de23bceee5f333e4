"""A tensor is a view of a storage, and shows nothing that the storage does not hold."""

import numpy as np
import pytest

from model.checkpoint.readers.torch_file import read_torch
from model.errors import CheckpointError

SIX = np.arange(6, dtype="<f4").tobytes()


@pytest.fixture
def read(pickles, tmp_path):
    def read_value(value, content=SIX):
        path = tmp_path / "weights.pt"
        path.write_bytes(pickles.zip_file(value, {"0": content}))
        return read_torch(path)

    return read_value


@pytest.mark.parametrize(
    ("first", "shape", "strides", "expected"),
    [
        (0, (2, 3), (3, 1), [[0, 1, 2], [3, 4, 5]]),
        (0, (3, 2), (1, 3), [[0, 3], [1, 4], [2, 5]]),
        (4, (2,), (1,), [4, 5]),
        (5, (), (), 5),
        (1, (1, 2), (2**70, 4), [[1, 5]]),
        (0, (3,), (0,), [0, 0, 0]),
        (99, (0, 2), (2, 1), np.zeros((0, 2))),
        (0, (3, 2), (1, 1), [[0, 1], [1, 2], [2, 3]]),
    ],
)
def test_views(pickles, read, first, shape, strides, expected):
    tensor = read(pickles.tensor(None, first, shape, strides))
    assert tensor.shape == shape
    np.testing.assert_array_equal(tensor.read(), np.asarray(expected, np.float32), strict=True)


@pytest.mark.parametrize(
    ("first", "shape", "strides", "message"),
    [
        (0, (7,), (1,), r"must lie within the storage's 24 bytes; its shape is \[7\], its strides are \[1\]"),
        (1, (6,), (1,), "must lie within the storage's 24 bytes; .* its offset is 1"),
        (6, (), (), "must lie within the storage's 24 bytes"),
        (0, (2, 3), (4, 1), "must lie within the storage's 24 bytes"),
        (2**80, (1,), (1,), "its offset is 1208925819614629174706176"),
        (-1, (1,), (1,), "must be whole numbers that are not negative, not -1 and"),
        (5, (2,), (-1,), r"must be whole numbers that are not negative, not 5 and \[-1\]"),
        (0, (-2, -3), (3, 1), r"its shape must be a list of sizes, not \[-2, -3\]"),
        (0, (2, 3), (1,), r"must be tuples of one length, not \[2, 3\] and \[1\]"),
        (0, (1,) * 33, (1,) * 33, "its shape must be a list of sizes"),
        (0, (2**62, 2**62, 0), (1, 1, 1), "its shape must be a list of sizes"),
        (0, (0, 2**63), (1, 1), "its shape must be a list of sizes"),
    ],
)
def test_views_that_leave_the_storage(pickles, read, first, shape, strides, message):
    with pytest.raises(CheckpointError, match=message):
        read(pickles.tensor(None, first, shape, strides))


@pytest.mark.parametrize("shape", [(2**40,), (2**29, 2**30), (7,), (100_000, 100_000)])
def test_a_value_shown_often_takes_no_memory(pickles, read, shape, measure_memory):
    peak_bytes = measure_memory()
    with pytest.raises(CheckpointError, match="must lie within the storage's 24 bytes"):
        read(pickles.tensor(None, 0, shape, (0,) * len(shape)))
    assert peak_bytes() < 100_000


def test_a_storage_may_be_shown_a_few_times_only(pickles, read):
    content = bytes(4 * 100_000)
    storage = pickles.storage(count=100_000)
    tensor = pickles.tensor(storage, 0, (100_000,), (1,))
    assert len(read(pickles.list(*[tensor] * 8), content)) == 8
    with pytest.raises(CheckpointError, match="its tensors may take 8 times the size of the file together"):
        read(pickles.list(*[tensor] * 12), content)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda p: p.tensor(p.storage(kind="QInt8Storage")), "would call 'torch.QInt8Storage'"),
        (lambda p: p.tensor(p.storage(kind="Size")), "must have a type that is known, not 'torch.Size'"),
        (lambda p: p.tensor(p.storage(count=-6)), "must have a name and a size, not '0' and -6"),
        (
            lambda p: p.tensor(p.storage(view=p.tuple(b"N"))),
            "the part of a storage must be a name, an offset and a size",
        ),
        (lambda p: p.list(p.tensor(), p.tensor(p.storage(count=5))), "must have the same type and size wherever"),
        (lambda p: p.list(p.tensor(), p.tensor(p.storage("IntStorage"))), "must have the same type and size wherever"),
        (lambda p: p.tensor(p.number(1)), "_rebuild_tensor_v2 must be given a Storage, not 1"),
        (lambda p: p.call("torch._utils", "_rebuild_tensor_v2", p.storage()), "takes 6 to 7 arguments, not 1"),
        (lambda p: p.call("torch._utils", "_rebuild_parameter", b"N", b"\x88", b"N"), "must be given a StoredTensor"),
        (lambda p: p.call("torch.nn.parameter", "Parameter"), "takes 1 to 2 arguments, not 0"),
        (
            lambda p: p.call("torch._tensor", "_rebuild_from_type_v2", b"]", p.name("torch", "Tensor"), b")", b"N"),
            "must make a tensor, not 'torch.Tensor' by",
        ),
        (
            lambda p: p.call(
                "torch._tensor",
                "_rebuild_from_type_v2",
                p.name("torch._tensor", "_rebuild_from_type_v2"),
                *(p.name("torch", "Tensor"), b")", b"N"),
            ),
            "must make a tensor, not 'torch.Tensor' by 'torch._tensor._rebuild_from_type_v2'",
        ),
        (
            lambda p: p.call(
                "torch._utils",
                "_rebuild_tensor_v3",
                p.storage("UntypedStorage", count=24),
                *(p.number(0), p.tuple(p.number(6)), p.tuple(p.number(1)), b"\x89", b"N"),
                p.name("torch", "complex64"),
            ),
            "a tensor must have one of the dtypes float64, .*, not complex64",
        ),
    ],
)
def test_tensors_that_are_none(pickles, read, value, message):
    with pytest.raises(CheckpointError, match=message):
        read(value(pickles))


def test_other_ways_to_write_a_tensor(pickles, read):
    old = pickles.call(
        *("torch._utils", "_rebuild_tensor"),
        *(pickles.storage(), pickles.number(0), pickles.tuple(pickles.number(6)), pickles.tuple(pickles.number(1))),
    )
    parameter = pickles.call("torch.nn.parameter", "Parameter", old, b"\x88")
    with_state = pickles.call("torch._utils", "_rebuild_parameter_with_state", old, b"\x88", b"N", b"}")
    bytes_of_it = pickles.tensor(pickles.storage("UntypedStorage", key="0", count=24), 0, (24,), (1,))
    for value in (old, parameter, with_state, parameter + b"(\x88\x89Ntb"):
        np.testing.assert_array_equal(read(value).read(), np.arange(6, dtype=np.float32), strict=True)
    np.testing.assert_array_equal(read(bytes_of_it).read(), np.frombuffer(SIX, np.uint8), strict=True)


def test_a_byte_that_is_no_bool_is_true(pickles, read):
    tensor = read(pickles.tensor(pickles.storage("BoolStorage", count=3), 0, (3,), (1,)), b"\x00\x02\xff")
    np.testing.assert_array_equal(tensor.read(), [False, True, True], strict=True)
