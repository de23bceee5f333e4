"""Reads pickles without unpickling them.

`pickle.Unpickler` is not used, not even with a `find_class` that refuses: it allocates by the memo index that a file
names, and hashing a deeply nested key overflows the stack. This machine knows the binary opcodes of the protocols 2 to
5 (Python's Lib/pickletools.py describes them) that torch, fairseq and their like write. It makes plain containers; what
is called or loaded, a `PickleBuilder` decides. Every other opcode is an error.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import struct
from collections.abc import Callable
from typing import Any

from model.checkpoint.readers.byte_file import shown
from model.checkpoint.readers.nesting import find_leaf_types
from model.checkpoint.readers.pickle_builder import PickleBuilder
from model.checkpoint.readers.pickle_input import MAX_NAME_BYTES, PickleInput
from model.checkpoint.readers.pickled_key import KEY_RULE, is_key
from model.checkpoint.readers.pickled_object import PickledName, PickledObject
from model.errors import CheckpointError

MAX_CONTAINERS = 250_000  # a tensor takes eight; the largest checkpoints, with an optimiser, have some 30 000
MAX_DEPTH = 200  # so that whoever walks or prints the result stays far from Python's limit of recursion
MAX_MEMORIES = 2 * MAX_CONTAINERS  # a pickler remembers each container and each text; one byte can make a memory
MAX_NAMES = 1000  # different ones; a checkpoint has some fifty
_MAX_INTEGER_BYTES = 255
_OPCODE_NAMES = {ord(opcode.code): opcode.name for opcode in pickletools.opcodes}


def read_pickle(file: io.BufferedIOBase, room_bytes: int, where: str, builder: PickleBuilder) -> Any:
    """Reads one pickle and leaves the file behind it.

    Args:
      file: The file, standing at the pickle.
      room_bytes: How many bytes the pickle may take.
      where: The place of the pickle, for messages, such as `the pickle of /x/y.pt`.
      builder: Makes the objects.

    Returns:
      The pickled object: dict, list, tuple, str, bytes, int, float, bool, None, `PickledObject`, `PickledName` and what
      the builder made.

    Raises:
      CheckpointError: the pickle is damaged, refers to something that is refused, or is larger than any checkpoint's.
    """
    return _Machine(PickleInput(file, room_bytes, where), where, builder).run()


class _Machine:
    def __init__(self, source: PickleInput, where: str, builder: PickleBuilder):
        self.source = source
        self._where = where
        self._builder = builder
        self._stack: list[Any] = []
        self._outer_stacks: list[list[Any]] = []  # one for each mark: the stack below it
        self.memo: dict[int, Any] = {}  # by index, so that a huge index costs nothing
        # A few bytes can recall two long texts and make a name of them, so each name is made once.
        self._names: dict[tuple[str, str], PickledName] = {}
        self._containers = 0

    def run(self) -> Any:
        while (opcode := self.source.read(1)[0]) != pickle.STOP[0]:
            step = _STEPS.get(opcode)
            if step is None:
                name = _OPCODE_NAMES.get(opcode, f"0x{opcode:02x}")
                raise self._broken(f"it may use only the opcodes that checkpoints use, and uses {name}")
            step(self)
        result = self.pop()
        if self._stack or self._outer_stacks:
            raise self._broken("nothing may be left over at its end, and something is")
        types = find_leaf_types(result, MAX_DEPTH)
        if types is None:
            raise self._broken(f"it may be nested {MAX_DEPTH} deep, and is deeper")
        if not types.isdisjoint(self._builder.unfinished):
            raise self._broken("it may hold a storage as a part of a tensor only, and holds one by itself")
        return result

    def _broken(self, rule: str) -> CheckpointError:
        return self.source.broken(rule)

    # The stack.

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def push_new(self, value: Any) -> None:
        self._containers += 1
        if self._containers > MAX_CONTAINERS:
            raise self._broken(f"it may hold at most {MAX_CONTAINERS} containers, and holds more")
        self._stack.append(value)

    def pop(self) -> Any:
        if not self._stack:
            raise self._broken("a value must stand on its stack before it is used, and none does")
        return self._stack.pop()

    def pop_to_mark(self) -> list[Any]:
        if not self._outer_stacks:
            raise self._broken("a mark must be set before it is used, and none is")
        items, self._stack = self._stack, self._outer_stacks.pop()
        return items

    def drop(self) -> None:
        # Picklers write it for tuples that hold themselves. It takes away a mark where that is on top, as in Python.
        if self._stack:
            self._stack.pop()
        else:
            self.pop_to_mark()

    def _top(self) -> Any:
        if not self._stack:
            raise self._broken("a value must stand on its stack before it is used, and none does")
        return self._stack[-1]

    def mark(self) -> None:
        if len(self._outer_stacks) >= MAX_DEPTH:
            raise self._broken(f"it may be nested {MAX_DEPTH} deep, and is deeper")
        self._outer_stacks.append(self._stack)
        self._stack = []

    # The memo.

    def put(self, index: int) -> None:
        self.memo[index] = self._top()
        if len(self.memo) > MAX_MEMORIES:
            raise self._broken(f"it may remember at most {MAX_MEMORIES} values, and remembers more")

    def get(self, index: int) -> None:
        if index not in self.memo:
            raise self._broken(f"it must remember a value before it recalls it, and recalls number {index}")
        self._stack.append(self.memo[index])

    # Values.

    def push_integer(self, size_bytes: int) -> None:
        if size_bytes > _MAX_INTEGER_BYTES:
            raise self._broken(f"a number may take {_MAX_INTEGER_BYTES} bytes; it takes {size_bytes}")
        self.push(int.from_bytes(self.source.read(size_bytes), "little", signed=True))

    def push_old_text(self, data: bytes) -> None:
        # A str of Python 2 is text or bytes, nobody can tell. torch takes it for UTF-8, and so do we where it is.
        try:
            self.push(data.decode("utf-8"))
        except UnicodeDecodeError:
            self.push(data)

    def push_tuple(self, count: int) -> None:
        if len(self._stack) < count:
            raise self._broken(f"{count} values must stand on its stack for a tuple, not {len(self._stack)}")
        items = tuple(self._stack[-count:])
        del self._stack[-count:]
        self.push_new(items)

    def push_dict(self, items: list[Any]) -> None:
        target: dict[Any, Any] = {}
        self._fill(target, items)
        self.push_new(target)

    # Filling containers.

    def set_items(self, items: list[Any]) -> None:
        target = self._content(dict)
        if type(target) is not dict:
            raise self._broken(f"an item is set in a dict, not in {shown(target)}")
        self._fill(target, items)

    def append(self, items: list[Any]) -> None:
        target = self._content(list)
        if type(target) is not list:
            raise self._broken(f"an item is appended to a list, not to {shown(target)}")
        target.extend(items)

    def build(self) -> None:
        state = self.pop()
        target = self._top()
        if isinstance(target, PickledObject):
            # Others may refer to the object already, so it cannot be made anew.
            object.__setattr__(target, "state", state)
        elif type(target) is not dict and not self._builder.drops_state(target):
            raise self._broken(f"only an object has a state, not {shown(target)}")
        # A dict was an OrderedDict: its attributes, `_metadata` among them, say nothing about the tensors.

    def _fill(self, target: dict[Any, Any], items: list[Any]) -> None:
        if len(items) % 2:
            raise self._broken("each key of a dict must have a value, and the last one has none")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not is_key(key):
                raise self._broken(f"a key must be {KEY_RULE}, not {shown(key)}")
            target[key] = value

    def _content(self, kind: type[dict[Any, Any]] | type[list[Any]]) -> Any:
        target = self._top()
        if not isinstance(target, PickledObject):
            return target
        if target.content is None:
            object.__setattr__(target, "content", kind())
        return target.content

    # Names, calls and storages.

    def find(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:
            raise self._broken(f"a name must be text, not {shown(module)} and {shown(name)}")
        if (module, name) in self._names:
            self._stack.append(self._names[module, name])
            return
        if len(module) + len(name) > MAX_NAME_BYTES or len(self._names) >= MAX_NAMES:
            raise self._broken(f"it may hold {MAX_NAMES} names of {MAX_NAME_BYTES} characters at most, and holds more")
        found = self._builder.find(module, name)
        if found is None:
            raise CheckpointError(
                f"A checkpoint must hold data only; {self._where} would call {shown(f'{module}.{name}')}, which is not"
                " allowed, and nothing was run; do not trust this file, or use one saved as safetensors."
            )
        self._names[module, name] = found
        self._stack.append(found)

    def find_on_stack(self) -> None:
        name = self.pop()
        self.find(self.pop(), name)

    def find_and_call(self) -> None:
        # No checkpoint has INST, which names a class and calls it at once; the message is to say what it would call.
        module, name = self.source.read_name(), self.source.read_name()
        self.find(module, name)
        raise self._broken(
            f"it may use only the opcodes that checkpoints use, and uses INST for {shown(f'{module}.{name}')}"
        )

    def call(self) -> None:
        arguments = self.pop()
        name = self.pop()
        if type(name) is not PickledName or type(arguments) is not tuple:
            raise self._broken(f"a name is called with a tuple, not {shown(name)} with {shown(arguments)}")
        self.push_new(self._builder.call(name, arguments))

    def call_with_names(self) -> None:
        named = self.pop()
        if type(named) is not dict or named:
            raise self._broken("a call has no named arguments, and this one has")
        self.call()

    def load(self) -> None:
        self.push_new(self._builder.load(self.pop()))


_STEPS_BY_NAME: dict[str, Callable[[_Machine], object]] = {
    "PROTO": lambda machine: machine.source.read(1),
    "FRAME": lambda machine: machine.source.read(8),  # a hint for reading ahead
    "MARK": _Machine.mark,
    "POP": _Machine.drop,
    "POP_MARK": _Machine.pop_to_mark,
    "NONE": lambda machine: machine.push(None),
    "NEWTRUE": lambda machine: machine.push(True),
    "NEWFALSE": lambda machine: machine.push(False),
    "BININT": lambda machine: machine.push_integer(4),
    "BININT1": lambda machine: machine.push(machine.source.read_number(1)),
    "BININT2": lambda machine: machine.push(machine.source.read_number(2)),
    "LONG1": lambda machine: machine.push_integer(machine.source.read_number(1)),
    "LONG4": lambda machine: machine.push_integer(machine.source.read_number(4)),
    "BINFLOAT": lambda machine: machine.push(struct.unpack(">d", machine.source.read(8))[0]),
    "SHORT_BINSTRING": lambda machine: machine.push_old_text(machine.source.read_counted(1)),
    "BINSTRING": lambda machine: machine.push_old_text(machine.source.read_counted(4)),
    "SHORT_BINUNICODE": lambda machine: machine.push(machine.source.read_text(1)),
    "BINUNICODE": lambda machine: machine.push(machine.source.read_text(4)),
    "BINUNICODE8": lambda machine: machine.push(machine.source.read_text(8)),
    "SHORT_BINBYTES": lambda machine: machine.push(machine.source.read_counted(1)),
    "BINBYTES": lambda machine: machine.push(machine.source.read_counted(4)),
    "BINBYTES8": lambda machine: machine.push(machine.source.read_counted(8)),
    "BYTEARRAY8": lambda machine: machine.push(machine.source.read_counted(8)),
    "EMPTY_TUPLE": lambda machine: machine.push(()),
    "TUPLE1": lambda machine: machine.push_tuple(1),
    "TUPLE2": lambda machine: machine.push_tuple(2),
    "TUPLE3": lambda machine: machine.push_tuple(3),
    "TUPLE": lambda machine: machine.push_new(tuple(machine.pop_to_mark())),
    "EMPTY_LIST": lambda machine: machine.push_new([]),
    "LIST": lambda machine: machine.push_new(machine.pop_to_mark()),
    "APPEND": lambda machine: machine.append([machine.pop()]),
    "APPENDS": lambda machine: machine.append(machine.pop_to_mark()),
    "EMPTY_DICT": lambda machine: machine.push_new({}),
    "DICT": lambda machine: machine.push_dict(machine.pop_to_mark()),
    "SETITEM": lambda machine: machine.set_items([machine.pop(), machine.pop()][::-1]),
    "SETITEMS": lambda machine: machine.set_items(machine.pop_to_mark()),
    "EMPTY_SET": lambda machine: machine.push_new(PickledObject("builtins.set", (), content=[])),
    "ADDITEMS": lambda machine: machine.append(machine.pop_to_mark()),
    "FROZENSET": lambda machine: machine.push_new(PickledObject("builtins.frozenset", (machine.pop_to_mark(),))),
    "BINPUT": lambda machine: machine.put(machine.source.read_number(1)),
    "LONG_BINPUT": lambda machine: machine.put(machine.source.read_number(4)),
    "MEMOIZE": lambda machine: machine.put(len(machine.memo)),
    "BINGET": lambda machine: machine.get(machine.source.read_number(1)),
    "LONG_BINGET": lambda machine: machine.get(machine.source.read_number(4)),
    "GLOBAL": lambda machine: machine.find(machine.source.read_name(), machine.source.read_name()),
    "STACK_GLOBAL": _Machine.find_on_stack,
    "INST": _Machine.find_and_call,
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.call,
    "NEWOBJ_EX": _Machine.call_with_names,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.load,
}
_STEPS = {
    ord(opcode.code): _STEPS_BY_NAME[opcode.name] for opcode in pickletools.opcodes if opcode.name in _STEPS_BY_NAME
}
