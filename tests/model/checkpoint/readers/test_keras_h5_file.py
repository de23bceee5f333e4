"""Keras's HDF5 weights: the values that h5py wrote, and a refusal of all else, whatever the bytes are."""

import os
import tracemalloc

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from model.checkpoint.readers.keras_h5_file import read_keras_h5
from model.errors import CheckpointError

NAMES = (
    "wav2vec2-ctc/wav2vec2/encoder/layers/0/attention/q_proj/kernel:0",
    "wav2vec2-ctc/wav2vec2/encoder/layers/10/attention/q_proj/kernel:0",
    "wav2vec2-ctc/wav2vec2/masked_spec_embed:0",
    "wav2vec2-ctc/lm_head/kernel:0",
    "wav2vec2-ctc/lm_head/bias:0",
)
NODE, HEAP, SYMBOLS = b"TREE", b"HEAP", b"SNOD"


def write_as_keras(path, weights, dtype=np.float32):
    """Writes as Keras 2 does in `save_weights_to_hdf5_group`."""
    with h5py.File(path, "w") as file:
        layers = sorted({name.split("/")[0] for name in weights})
        file.attrs["layer_names"] = [layer.encode() for layer in layers]
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.4.0"
        for layer in layers:
            group = file.create_group(layer)
            inside = {name.split("/", 1)[1]: value for name, value in weights.items() if name.startswith(layer + "/")}
            group.attrs["weight_names"] = [name.encode() for name in inside]
            for name, value in inside.items():
                group.create_dataset(name, value.shape, dtype=dtype)[...] = value
    return path


def some_weights(names=NAMES):
    generator = np.random.default_rng(7)
    prefixed = [("lm_head/" if "lm_head" in name else "wav2vec2/") + name for name in names]
    return {name: generator.normal(size=(3, number + 1)).astype(np.float32) for number, name in enumerate(prefixed)}


@pytest.fixture(scope="session")
def small_file(tmp_path_factory):
    """The bytes of a file with three weights, two groups deep."""
    path = tmp_path_factory.mktemp("h5") / "small.h5"
    weights = {"a/b/kernel:0": np.arange(6, dtype=np.float32).reshape(2, 3), "a/bias:0": np.ones(3, np.float32)}
    return write_as_keras(path, weights | {"c/scale:0": np.zeros(1, np.float32)}).read_bytes()


@pytest.fixture(scope="session")
def mutated(tmp_path_factory):
    return tmp_path_factory.mktemp("mutated") / "weights.h5"


def read_all(path):
    """Reads every tensor of a file that opens, or returns nothing for one that is refused; no other end is good."""
    try:
        return {name: tensor.read() for name, tensor in read_keras_h5(path).items()}
    except CheckpointError:
        return None


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_weights_are_read_as_keras_wrote_them(tmp_path, dtype):
    weights = some_weights()
    found = read_keras_h5(write_as_keras(tmp_path / "tf_model.h5", weights, dtype))
    assert set(found) == set(weights)
    assert "wav2vec2/wav2vec2-ctc/wav2vec2/encoder/layers/0/attention/q_proj/kernel:0" in found
    for name, tensor in found.items():
        assert (tensor.dtype, tensor.shape) == (dtype, weights[name].shape)
        np.testing.assert_array_equal(tensor.read(), weights[name].astype(dtype), strict=True)


def test_a_large_model_has_trees_with_levels(tmp_path):
    names = [f"layer/encoder/layers/{n}/attention/q_proj/kernel:0" for n in range(600)]
    weights = {name: np.full((2, 2), number, np.float32) for number, name in enumerate(names)}
    path = write_as_keras(tmp_path / "tf_model.h5", weights)
    found = read_keras_h5(path)
    assert {name: tensor.read()[0, 0] for name, tensor in found.items()} == dict(zip(names, range(600), strict=True))
    with h5py.File(path) as file:  # the order is that of the file
        order = []
        file.visititems(lambda name, item: order.append(name) if isinstance(item, h5py.Dataset) else None)
    assert list(found) == order


def test_a_minimal_file_and_text_attributes_of_any_kind(tmp_path):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["text"] = "of any length"
        file.attrs["texts"] = np.array(["a", "bcd"], dtype=h5py.string_dtype())
        for number in range(30):  # more than one piece of header
            file.attrs[f"attribute {number}"] = "x" * 500
        file["scale:0"] = np.float32(3)
        file.create_group("empty")
        file["x/y"] = np.arange(4, dtype="<f8")
    found = {name: tensor.read() for name, tensor in read_keras_h5(tmp_path / "w.h5").items()}
    assert list(found) == ["scale:0", "x/y"]
    assert found["scale:0"].shape == ()
    assert found["scale:0"] == 3
    np.testing.assert_array_equal(found["x/y"], [0, 1, 2, 3])


def test_a_compact_dataset_lies_in_its_header(tmp_path):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple((2, 2))
        dataset = h5py.h5d.create(file.id, b"x", h5py.h5t.IEEE_F32LE, space, plist)
        dataset.write(space, space, np.array([[1, 2], [3, 4]], np.float32))
    np.testing.assert_array_equal(read_keras_h5(tmp_path / "w.h5")["x"].read(), [[1, 2], [3, 4]])


def link_softly(file):
    file["soft"] = h5py.SoftLink("/x")


def link_outside(file):
    file["outside"] = h5py.ExternalLink("other.h5", "/x")


def link_twice(file):
    file["again"] = file["x"]


def link_in_a_loop(file):
    file["group/up"] = file["/"]


def nest_deeply(file):
    file["/".join(["g"] * 501)] = np.zeros(1, np.float32)


def store_outside(file):
    file.create_dataset("outside", (4,), "f4", external=[("values.bin", 0, 16)])


def name_a_type(file):
    file["type"] = np.dtype("f4")
    file.create_dataset("typed", (4,), file["type"])


def order_by_creation(file):
    file.create_group("ordered", track_order=True)["y"] = np.zeros(1, np.float32)


@pytest.mark.parametrize(
    ("add", "message"),
    [
        (lambda file: file.create_group("größe"), "root is no group"),
        (link_softly, "'soft' is a link to another name"),
        (link_outside, "root is no group"),
        (link_twice, "'(x|again)' is linked twice"),
        (link_in_a_loop, "'group/up' is linked twice"),
        (nest_deeply, "holds the name b'g'"),
        (store_outside, "'outside' lies in another file"),
        (name_a_type, "'type' is neither a dataset nor a group"),
        (order_by_creation, "'ordered' is neither a dataset nor a group|object header .* has version 79"),
        (lambda file: file.create_dataset("y", (4,), "f4", chunks=(2,)), "'y' does not lie in one piece of 16 bytes"),
        (lambda file: file.create_dataset("y", (4,), "f4", compression="gzip"), "'y' .* is compressed"),
        (lambda file: file.create_dataset("y", (4,), "f4"), "of 16 bytes at byte 18446744073709551615 is not inside"),
        (lambda file: file.create_dataset("y", (0, 4), "f4"), r"'y' has the shape \(0, 4\)"),
        (lambda file: file.create_dataset("y", data=h5py.Empty("f4")), "'y' has no shape"),
        (lambda file: file.create_dataset("y", (1,) * 9, "f4"), "'y' has no shape of at most 8 dimensions"),
        (lambda file: file.create_dataset("y", data=np.zeros(3, "i8")), "'y' is not of float16, float32 or float64"),
        (lambda file: file.create_dataset("y", data=np.zeros(3, ">f4")), "'y' is not of .* little-endian"),
        (lambda file: file.create_dataset("y", data=np.zeros(3, "c8")), "'y' is not of float16"),
        (lambda file: file.create_dataset("y", data="text"), "'y' is not of float16"),
        (lambda file: file.create_dataset("y\n\x1b[31m", data="text"), r"'y\\n\\x1b\[31m' is not of float16"),
    ],
)
def test_what_keras_does_not_write_is_refused(tmp_path, add, message):
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["x"] = np.zeros(3, np.float32)
        add(file)
    with pytest.raises(CheckpointError, match=message) as caught:
        read_keras_h5(tmp_path / "w.h5")
    assert "\n" not in str(caught.value)


def test_the_newer_form_of_hdf5_is_refused(tmp_path):
    with h5py.File(tmp_path / "w.h5", "w", libver="latest") as file:
        file["x"] = np.zeros(300, np.float32)
    with pytest.raises(CheckpointError, match=r"its superblock has version 3"):
        read_keras_h5(tmp_path / "w.h5")


def test_what_is_no_file_is_refused(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "page").write_bytes(b"<html>" * 100)
    os.mkfifo(tmp_path / "pipe")
    for name in ("empty", "page", "pipe", "missing", "."):
        with pytest.raises(CheckpointError):
            read_keras_h5(tmp_path / name)


def test_a_file_that_changes_after_it_was_opened_is_noticed(tmp_path):
    path = write_as_keras(tmp_path / "w.h5", some_weights())
    tensor = list(read_keras_h5(path).values())[-1]
    os.truncate(path, 100)
    with pytest.raises(CheckpointError, match=r"shorter"):
        tensor.read()
    path.unlink()
    with pytest.raises(CheckpointError):
        tensor.read()


def changed(content, at, value, size):
    return content[:at] + value.to_bytes(size, "little") + content[at + size :]


def test_loops_and_bombs_end_soon_and_in_little_memory(small_file, mutated):
    """The worst that can be done by hand: what points at itself, and what is counted or sized beyond all measure."""
    node, heap, symbols = (small_file.index(mark) for mark in (NODE, HEAP, SYMBOLS))
    root = int.from_bytes(small_file[64:72], "little")
    padding = b"\0" * 1_100_000
    # Headers that continue in themselves, and in nearly the whole file.
    message = (16).to_bytes(2, "little") + (16).to_bytes(2, "little") + b"\0" * 4
    start = root + 16
    loop = message + start.to_bytes(8, "little")
    bombs = [
        changed(small_file, node + 5, 1, 1),
        changed(changed(small_file, node + 5, 9, 1), node + 32, node, 8),
        changed(small_file, node + 6, 65_535, 2) + padding,
        changed(small_file, symbols + 6, 65_535, 2) + padding,
        changed(small_file, heap + 8, 2**63, 8),
        changed(small_file, root + 8, 2**32 - 1, 4) + padding,
        changed(small_file, symbols + 16, root, 8),
        small_file[:start] + loop + (24).to_bytes(8, "little") + small_file[start + 24 :],
        small_file[:start] + loop + (1_000_000).to_bytes(8, "little") + small_file[start + 24 :] + padding,
    ]
    for bomb in bombs:
        mutated.write_bytes(bomb)
        tracemalloc.start()
        try:
            found = read_all(mutated)
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert found is None
        # A few times the file, for what Python needs to hold a list of numbers, and never what the file claims.
        assert peak_bytes < 1_000_000 + 4 * len(bomb)


def check(path, content):
    path.write_bytes(content)
    for array in (read_all(path) or {}).values():
        assert array.nbytes <= len(content)


STEADY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)


@settings(STEADY, max_examples=1200)
@given(changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8))
@example(changes=[(0.0, 0)])
def test_changed_bytes_never_do_harm(small_file, mutated, changes):
    content = bytearray(small_file)
    for where, value in changes:
        content[int(where * (len(content) - 1))] = value
    check(mutated, bytes(content))


@settings(STEADY, max_examples=600)
@given(
    where=st.floats(0, 1),
    value=st.one_of(st.sampled_from([0, 2**16 - 1, 2**32 - 1, 2**63, 2**64 - 1]), st.integers(0, 5_000)),
    size=st.sampled_from([2, 4, 8]),
)
def test_changed_numbers_never_do_harm(small_file, mutated, where, value, size):
    # Numbers stand at even places, and most of what is not zero stands in fields that matter.
    places = [at for at in range(0, len(small_file) - 8, 2) if any(small_file[at : at + 2])]
    at = places[int(where * (len(places) - 1))]
    check(mutated, changed(small_file, at, value % 2 ** (8 * size), size))


@settings(STEADY, max_examples=200)
@given(cut=st.floats(0, 1), begin=st.floats(0, 1), length=st.integers(0, 600), at=st.floats(0, 1))
def test_cut_and_spliced_files_never_do_harm(small_file, mutated, cut, begin, length, at):
    size = len(small_file)
    start, place = int(begin * size), int(at * size)
    piece = small_file[start : start + length]
    check(mutated, small_file[: int(cut * size)])
    check(mutated, small_file[:place] + piece + small_file[place + length :])
    check(mutated, small_file[:place] + piece + small_file[place:])
