"""A pickle describes data; it can neither run anything, nor take more memory and stack than it has bytes for."""

import io
import os
import pickle
import typing

import pytest

from model.checkpoint.readers.byte_file import ByteFile
from model.checkpoint.readers.pickle_input import MAX_NAME_BYTES, MAX_PICKLE_BYTES
from model.checkpoint.readers.pickle_machine import MAX_CONTAINERS, MAX_DEPTH, MAX_MEMORIES, MAX_NAMES, read_pickle
from model.checkpoint.readers.pickled_object import PickledObject
from model.checkpoint.readers.torch_builder import TorchBuilder
from model.errors import CheckpointError


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "x.pt"
    path.write_bytes(b"x" * 1000)

    def run_bytes(data):
        return read_pickle(io.BytesIO(data), len(data), "the pickle of x.pt", TorchBuilder(ByteFile.at(path)))

    return run_bytes


class Calls:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_of_every_protocol(protocol, run):
    shared = ["shared"]
    value = {
        "a": [1, 255, 256, 65536, -1, 2**31, 2**2000, 1.5, float("inf"), None, True, False],
        "b": ("x", ("y",), (1, 2), (1, 2, 3), (1, 2, 3, 4), (), "é" * 300),
        3: {True: [], None: {}},
        "shared": [shared, shared],
        "many": list(range(3000)),
        1.5: b"bytes \xff",
        b"key": b"",
    }
    result = run(pickle.dumps(value, protocol))
    assert result == value
    assert result["shared"][0] is result["shared"][1]


def test_objects_that_hold_themselves(run):
    ring = []
    ring.append((ring,))
    result = run(pickle.dumps(ring, 2))
    assert result[0][0] is result


@pytest.mark.parametrize("protocol", [2, 4])
def test_sets_are_inert_too(protocol, run):
    result = run(pickle.dumps([{1}, frozenset([2])], protocol))
    assert all(isinstance(value, PickledObject) for value in result)
    assert [value.type for value in result] == ["builtins.set", "builtins.frozenset"]


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ("touch run",), "(posix|nt).system"),
        (eval, ("1",), "(builtins|__builtin__).eval"),
        (getattr, ("a", "b"), "(builtins|__builtin__).getattr"),
        (__import__, ("os",), "(builtins|__builtin__).__import__"),
        (open, ("run", "w"), "(_io|io|__builtin__).open"),
        (pickle.loads, (b"N.",), "_?pickle.loads"),
    ],
)
def test_a_call_is_named_and_not_made(function, arguments, name, protocol, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=f"the pickle of x.pt would call '{name}', which is not allowed"):
        run(pickle.dumps({"a": Calls(function, *arguments)}, protocol))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"cos\nsystem\n(S'ls'\ntR.", "would call 'os.system'"),
        (b"(ios\nsystem\n.", "would call 'os.system'"),
        (b"(S'ls'\nios\nsystem\n.", "uses STRING"),
        (b"(iargparse\nNamespace\n.", "uses INST for 'argparse.Namespace'"),
        (b"(cargparse\nNamespace\no.", "uses OBJ"),
        (b"(cos\nsystem\no.", "would call 'os.system'"),
        (b"\x82\x01.", "uses EXT1"),
        (b"\x83\x01\x00.", "uses EXT2"),
        (b"\x84\x01\x00\x00\x00.", "uses EXT4"),
        (b"Pabc\n.", "uses PERSID"),
        (b"\x97.", "uses NEXT_BUFFER"),
        (b"\xff", "uses 0xff"),
        (b"ctorch\nload\n.", "would call 'torch.load'"),
        (b"ctorch.nn.modules.linear\nLinear\n.", r"would call 'torch\.nn\.modules\.linear\.Linear'"),
        (b"cfairseq\x1b[2J\nx\n.", r"would call 'fairseq\\x1b\[2J\.x'"),
        (b"cfairseq.a b\nx\n.", "would call"),
        (b"cargparse\n__main__.Namespace\n.", "would call"),
        (b"c" + b"a" * 2000 + b"\n", "a name must end with its line"),
        (b"cargparse\nNamespace", "a name must end with its line"),
        (b"c\xff\xff\nx\n.", r"a text must be UTF-8; it is b'\\xff\\xff'"),
        (b"NN\x93.", "a name must be text, not None and None"),
        (b"N)R.", "a name is called with a tuple, not None with \\[\\]"),
        (b"X\x09\x00\x00\x00os.system)R.", "a name is called with a tuple, not 'os.system'"),
        (b"cargparse\nNamespace\n]R.", "a name is called with a tuple"),
        (b"cargparse\nNamespace\n)}(K\x01K\x02u\x92.", "a call has no named arguments"),
        (b"ctorch\nfloat32\n)R.", "it calls torch.float32, which is a type of data only"),
        (b"ctorch\nSize\n]\x85R.", r"torch.Size must be given a tuple, not \[\]"),
        (b"ctorch\nSize\n)R.", "torch.Size takes 1 to 1 arguments, not 0"),
        (b"ctorch\ndevice\n]\x85R.", "a device must have a name and a number"),
        (
            b"c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R.",
            "written as latin1 text, not as 'a' in 'hex'",
        ),
        (b"]Q.", r"a persistent id must be that of a storage, not \[\]"),
        (b"X\x06\x00\x00\x00moduleNNNNtQ.", "a mark must be set"),
        (b"(X\x06\x00\x00\x00moduleNNNNtQ.", "a persistent id must be that of a storage, not 'module'"),
        (b"}]K\x01s.", r"a key must be text, bytes, None or a number of at most 60 bits, not \[\]"),
        (b"}N\x85K\x01s.", "a key must be text, bytes, None or a number of at most 60 bits, not a value of type tuple"),
        (b"](K\x01u.", r"an item is set in a dict, not in \[\]"),
        (b"}(K\x01u.", "each key of a dict must have a value"),
        (b"}K\x01a.", "an item is appended to a list, not to a value of type dict"),
        (b"]}b.", "only an object has a state"),
        (b"h\x05.", "recalls number 5"),
        (b"j\xff\xff\xff\xff.", "recalls number 4294967295"),
        (b"q\x00.", "a value must stand on its stack"),
        (b".", "a value must stand on its stack"),
        (b"\x85.", "1 values must stand on its stack for a tuple, not 0"),
        (b"1.", "a mark must be set before it is used"),
        (b"NN.", "nothing may be left over"),
        (b"(N.", "nothing may be left over"),
        (b"N", "it must be whole"),
        (b"", "it must be whole"),
        (b"\x8e" + b"\xff" * 8, "18446744073709551615 more bytes are needed where 0 are left"),
        (b"\x8d" + b"\xff" * 7 + b"\x7f", "more bytes are needed where 0 are left"),
        (b"\x96" + b"\xff" * 8, "more bytes are needed where 0 are left"),
        (b"B\xff\xff\xff\xff.", "4294967295 more bytes are needed where 1 are left"),
        (b"\x8b\xff\xff\xff\x7f.", "a number may take 255 bytes; it takes 2147483647"),
        (b"\x95\xff.", "more bytes are needed"),
        (b"(" * 1000, f"it may be nested {MAX_DEPTH} deep"),
    ],
)
def test_wrong_pickles(data, message, run):
    with pytest.raises(CheckpointError, match=message):
        run(b"\x80\x02" + data)


def test_a_huge_memo_index_costs_nothing(run, measure_memory):
    peak_bytes = measure_memory()
    assert run(b"\x80\x02]r\xff\xff\xff\xffj\xff\xff\xff\xffa.")[0][0] != []
    assert peak_bytes() < 100_000


def tuples(depth):
    return b")" + b"\x85" * depth


def lists_from_the_outside(depth):
    # Each list is put into the one before while it is still empty: outer list 0, inner list 1, and again.
    return b"]q\x00q\x010" + b"h\x01]q\x02a0h\x02q\x010" * depth + b"h\x00"


def states(depth):
    return b"N" + b"q\x000cargparse\nNamespace\n)\x81h\x00b" * depth


@pytest.mark.parametrize("nest", [tuples, lists_from_the_outside, states])
def test_nesting_is_limited(nest, run):
    run(b"\x80\x02" + nest(MAX_DEPTH // 2 - 1) + b".")
    for depth in (MAX_DEPTH + 1, 50_000):
        with pytest.raises(CheckpointError, match=f"it may be nested {MAX_DEPTH} deep, and is deeper"):
            run(b"\x80\x02" + nest(depth) + b".")


def test_a_deep_key_is_not_hashed(run):
    with pytest.raises(CheckpointError, match="a key must be text, bytes, None or a number of at most 60 bits"):
        run(b"\x80\x02}" + tuples(200_000) + b"Ns.")


def test_keys_of_one_hash_are_refused(run, pickles):
    assert run(b"\x80\x02}" + pickles.number(2**60) + b"Ns" + pickles.number(-(2**60)) + b"Ns.") == {
        2**60: None,
        -(2**60): None,
    }
    with pytest.raises(CheckpointError, match="a key must be .* not 2305843009213693951"):
        run(b"\x80\x02}" + pickles.number(2**61 - 1) + b"Ns.")
    items = b"](" + pickles.tuple(pickles.number(2**61 - 1), b"N") + b"e"
    with pytest.raises(CheckpointError, match="an item of collections.OrderedDict must be a key and a value"):
        run(b"\x80\x02ccollections\nOrderedDict\n" + items + b"\x85R.")


def test_what_is_shared_many_times_is_walked_once(run):
    result = run(b"\x80\x02]" + b"q\x000]h\x00ah\x00a" * 100 + b".")
    assert len(result) == 2
    assert result[0] is result[1]


def test_containers_are_limited(run):
    with pytest.raises(CheckpointError, match=f"it may hold at most {MAX_CONTAINERS} containers, and holds more"):
        run(b"\x80\x02](" + b"]" * MAX_CONTAINERS + b"e.")


def test_memories_are_limited(run):
    assert run(b"\x80\x02N" + b"\x94" * MAX_MEMORIES + b".") is None
    with pytest.raises(CheckpointError, match=f"it may remember at most {MAX_MEMORIES} values, and remembers more"):
        run(b"\x80\x02N" + b"\x94" * (MAX_MEMORIES + 1) + b".")


def test_names_are_made_once_and_limited(run, pickles, measure_memory):
    recalled = b"q\x00" + pickles.text("a" * 900) + b"q\x01(" + b"h\x00h\x01\x93" * 100_000 + b"t"
    peak_bytes = measure_memory()
    assert len(run(b"\x80\x02" + pickles.text("fairseq") + recalled + b"\x86\x86.")[1][1]) == 100_000
    assert peak_bytes() < 5_000_000
    message = f"it may hold {MAX_NAMES} names of {MAX_NAME_BYTES} characters at most, and holds more"
    with pytest.raises(CheckpointError, match=message):
        run(b"\x80\x02" + pickles.text("fairseq") + pickles.text("a" * MAX_NAME_BYTES) + b"\x93.")
    names = b"".join(pickles.name("fairseq", f"a{number}") for number in range(MAX_NAMES + 1))
    with pytest.raises(CheckpointError, match=message):
        run(b"\x80\x02(" + names + b"t.")


def test_the_size_is_limited(run):
    with pytest.raises(CheckpointError, match=f"at most {MAX_PICKLE_BYTES} bytes long"):
        run(b"\x80\x02B" + (MAX_PICKLE_BYTES - 7).to_bytes(4, "little") + bytes(MAX_PICKLE_BYTES - 7) + b"0N.")


@pytest.mark.parametrize(
    "call",
    [
        b"c_codecs\nencode\nq\x01(X\x00\x00\x04\x00" + b"a" * 2**18 + b"X\x06\x00\x00\x00latin1tq\x02R0",
        b"ccollections\nOrderedDict\nq\x01}("
        + b"".join(b"J" + key.to_bytes(4, "little") + b"N" for key in range(2**18))
        + b"u\x85q\x02R0",
    ],
)
def test_a_value_is_not_copied_again_and_again(call, run):
    run(b"\x80\x02" + call + b"h\x01h\x02R0" * 3 + b"N.")
    with pytest.raises(CheckpointError, match="its calls may copy 1048576 values in all, and copy more"):
        run(b"\x80\x02" + call + b"h\x01h\x02R0" * 4 + b"N.")


@pytest.mark.parametrize("protocol", [2, 4])
def test_types_of_the_fields_of_a_configuration(protocol, run):
    mapping, nothing = run(pickle.dumps([typing.Dict[str, int], type(None)], protocol))  # noqa: UP006 — as fairseq has it
    assert (mapping.type, mapping.arguments) == ("_operator.getitem", ("typing.Dict", ("builtins.str", "builtins.int")))
    assert (nothing.type, nothing.arguments) == ("builtins.type", (None,))


def test_a_storage_alone_is_refused(pickles, run):
    with pytest.raises(CheckpointError, match="it may hold a storage as a part of a tensor only"):
        run(pickles.whole(pickles.list(pickles.storage())))


def test_text_of_python_2(run):
    assert run(b"\x80\x02]U\x01aaT\x02\x00\x00\x00\xff\xfea.") == ["a", b"\xff\xfe"]
