"""Which names a checkpoint's pickle may hold, and the tensors that it describes with them."""

from __future__ import annotations

import re
from typing import Any

from model.checkpoint.readers.byte_file import ITEM_SIZE_BYTES, ByteFile, shown
from model.checkpoint.readers.pickled_key import KEY_RULE, is_key
from model.checkpoint.readers.pickled_object import PickledName, PickledObject
from model.checkpoint.readers.stored_tensor import StoredTensor
from model.checkpoint.readers.torch_storage import Storage, StorageInFile, StridedView
from model.errors import CheckpointError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_STORAGE_DTYPES = {
    "torch.DoubleStorage": "float64",
    "torch.FloatStorage": "float32",
    "torch.HalfStorage": "float16",
    "torch.BFloat16Storage": "bfloat16",
    "torch.LongStorage": "int64",
    "torch.IntStorage": "int32",
    "torch.ShortStorage": "int16",
    "torch.CharStorage": "int8",
    "torch.ByteStorage": "uint8",
    "torch.BoolStorage": "bool",
    "torch.storage.UntypedStorage": "uint8",
    "torch.storage._UntypedStorage": "uint8",
}
# Their arguments begin with storage, offset, shape and strides; what follows is about gradients, or is the dtype.
_REBUILD_TENSOR = {
    "torch._utils._rebuild_tensor": range(4, 5),
    "torch._utils._rebuild_tensor_v2": range(6, 8),
    "torch._utils._rebuild_tensor_v3": range(7, 9),
}
# Their first argument is the tensor.
_WRAP_TENSOR = {
    "torch._utils._rebuild_parameter": range(3, 4),
    "torch._utils._rebuild_parameter_with_state": range(4, 5),
    "torch.nn.parameter.Parameter": range(1, 3),
    "torch.autograd.variable.Variable": range(1, 3),
}
_REBUILD_FROM_TYPE = "torch._tensor._rebuild_from_type_v2"
_TENSOR_TYPES = ("torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer")
_DICTS = ("collections.OrderedDict", "collections.defaultdict", "collections.Counter", "builtins.dict")
_DTYPE_NAMES = frozenset(
    f"torch.{dtype}" for dtype in (*ITEM_SIZE_BYTES, "float", "double", "half", "int", "long", "short", "complex64")
)
_OTHER_NAMES = frozenset(
    [
        _REBUILD_FROM_TYPE,
        "torch.Size",
        "torch.device",
        "_codecs.encode",
        *_TENSOR_TYPES,
        *_DICTS,
        # From here on nothing is done with the name: a call of it becomes a PickledObject. The list keeps
        # out of a result what no checkpoint has.
        *(f"builtins.{name}" for name in ("set", "frozenset", "list", "tuple", "str", "int", "float", "bool", "bytes")),
        *(f"builtins.{name}" for name in ("object", "bytearray", "complex", "slice", "range")),
        "argparse.Namespace",
        "copyreg._reconstructor",
        "datetime.datetime",
        "datetime.timedelta",
        "enum.Enum",
        "enum.IntEnum",
        "numpy.dtype",
        "numpy.ndarray",
        *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
        *(f"pathlib.{name}" for name in ("Path", "PosixPath", "PurePath", "PurePosixPath", "WindowsPath")),
        # Python writes `List[str]` as `getitem(List, str)`, and the type of None as `type(None)`.
        "_operator.getitem",
        "builtins.type",
    ]
)
_OTHER_PREFIXES = ("fairseq.", "omegaconf.", "typing.")
# Python 3 writes these in protocol 2 as well.
_MODULES_OF_PYTHON_2 = {"__builtin__": "builtins", "copy_reg": "copyreg"}
_BUILTINS_OF_PYTHON_2 = {"builtins.long": "builtins.int", "builtins.unicode": "builtins.str"}
# Weights that are used twice lie in one storage, and both tensors are read. More than a few times is an attack: each
# tensor would be as large as the file.
_MAX_GROWTH = 8
_MAX_SMALL_BYTES = 2**20
_MAX_COPIED = 2**20
_MAX_DEVICE_CHARACTERS = 100


class TorchBuilder:
    """Makes tensors, plain containers and inert records out of what `torch.save` writes; a `PickleBuilder`.

    Args:
      file: The file that the storages lie in.
    """

    unfinished = (Storage,)

    def __init__(self, file: ByteFile):
        self._file = file
        self._room_bytes = _MAX_GROWTH * file.size_bytes + _MAX_SMALL_BYTES
        self._room_for_copies = _MAX_COPIED
        self.storages: dict[str, StorageInFile] = {}

    def find(self, module: str, name: str) -> PickledName | None:
        """Returns a name that is on the list, or None."""
        full = f"{_MODULES_OF_PYTHON_2.get(module, module)}.{name}"
        full = _BUILTINS_OF_PYTHON_2.get(full, full)
        tables = (_STORAGE_DTYPES, _REBUILD_TENSOR, _WRAP_TENSOR, _DTYPE_NAMES, _OTHER_NAMES)
        listed = any(full in table for table in tables) or full.startswith(_OTHER_PREFIXES)
        return PickledName(full) if listed and _NAME.fullmatch(full) else None

    def call(self, name: PickledName, arguments: tuple[Any, ...]) -> Any:
        """Returns the tensor or the container that a call describes, or a record of the call."""
        if name == _REBUILD_FROM_TYPE:
            name, arguments = self._inner_call(arguments)
        if name in _REBUILD_TENSOR:
            return self._tensor(name, arguments)
        if name in _WRAP_TENSOR:
            self._check_count(name, arguments, _WRAP_TENSOR[name])
            return self._checked(name, arguments[0], StoredTensor)
        if name in _DICTS:
            return self._dict(name, arguments)
        if name == "torch.Size":
            self._check_count(name, arguments, range(1, 2))
            return self._checked(name, arguments[0], tuple)
        if name == "torch.device":
            self._check_count(name, arguments, range(1, 3))
            return self._device(arguments)
        if name == "_codecs.encode" or (name == "builtins.bytes" and not arguments):
            return self._bytes(name, arguments)
        if name.startswith("torch."):
            raise self._broken(f"it calls {name}, which is a type of data only")
        return PickledObject(str(name), arguments)

    def load(self, reference: Any) -> Storage:
        """Returns the storage of a persistent id `("storage", type, key, location, count[, view])`."""
        if type(reference) is not tuple or len(reference) not in (5, 6) or reference[0] != "storage":
            kind = reference[0] if type(reference) is tuple and reference else reference
            raise self._broken(f"a persistent id must be that of a storage, not {shown(kind)}")
        _, kind, key, _, count, *views = reference
        if type(kind) is not PickledName or kind not in _STORAGE_DTYPES:
            raise self._broken(f"a storage must have a type that is known, not {shown(kind)}")
        if type(key) is not str or type(count) is not int or count < 0:
            raise self._broken(f"a storage must have a name and a size, not {shown(key)} and {shown(count)}")
        root = StorageInFile(self._file, key, _STORAGE_DTYPES[kind], count)
        if self.storages.setdefault(key, root) != root:
            raise self._broken(f"the storage {shown(key)} must have the same type and size wherever it is named")
        root = self.storages[key]
        if not views or views[0] is None:
            return Storage(root, 0, root.size_bytes)
        return self._part(root, views[0])

    def drops_state(self, value: Any) -> bool:
        """Tells whether a value is a tensor: its state is about gradients, or an attribute that somebody set."""
        return isinstance(value, StoredTensor)

    def _broken(self, rule: str) -> CheckpointError:
        return CheckpointError(
            f"There is something wrong with the pickle of {self._file.path}: {rule}; download it again."
        )

    def _check_count(self, name: str, arguments: tuple[Any, ...], allowed: range) -> None:
        if len(arguments) not in allowed:
            raise self._broken(f"{name} takes {allowed[0]} to {allowed[-1]} arguments, not {len(arguments)}")

    def _checked(self, name: str, value: Any, kind: type) -> Any:
        if type(value) is not kind:
            raise self._broken(f"{name} must be given a {kind.__name__}, not {shown(value)}")
        return value

    def _inner_call(self, arguments: tuple[Any, ...]) -> tuple[PickledName, tuple[Any, ...]]:
        # (function, type, its arguments, state): a tensor to which somebody gave attributes.
        self._check_count(_REBUILD_FROM_TYPE, arguments, range(4, 5))
        function, kind, inner, _ = arguments
        known = type(function) is PickledName and (function in _REBUILD_TENSOR or function in _WRAP_TENSOR)
        if type(kind) is not PickledName or kind not in _TENSOR_TYPES or not known:
            raise self._broken(f"{_REBUILD_FROM_TYPE} must make a tensor, not {shown(kind)} by {shown(function)}")
        return PickledName(function), self._checked(_REBUILD_FROM_TYPE, inner, tuple)

    def _tensor(self, name: str, arguments: tuple[Any, ...]) -> StoredTensor:
        self._check_count(name, arguments, _REBUILD_TENSOR[name])
        storage = self._checked(name, arguments[0], Storage)
        dtype = storage.root.dtype
        if name.endswith("_v3"):
            dtype = self._checked(name, arguments[6], PickledName).removeprefix("torch.")
            if dtype not in ITEM_SIZE_BYTES:
                raise self._broken(f"a tensor must have one of the dtypes {', '.join(ITEM_SIZE_BYTES)}, not {dtype}")
        view = StridedView.checked(storage, dtype, *arguments[1:4])
        self._room_bytes -= view.size_bytes
        if self._room_bytes < 0:
            raise self._broken(f"its tensors may take {_MAX_GROWTH} times the size of the file together, and take more")
        return StoredTensor(dtype, view.shape, view.read)

    def _part(self, root: StorageInFile, view: Any) -> Storage:
        if (
            type(view) is not tuple
            or len(view) != 3
            or any(type(number) is not int or number < 0 for number in view[1:])
        ):
            raise self._broken(f"the part of a storage must be a name, an offset and a size, not {shown(view)}")
        _, first, count = view
        if first + count > root.count:
            raise self._broken(
                f"a part must lie within the {root.count} values of its storage {shown(root.key)}; it has"
                f" {shown(count)} from {shown(first)} on"
            )
        item_bytes = ITEM_SIZE_BYTES[root.dtype]
        return Storage(root, first * item_bytes, count * item_bytes)

    def _dict(self, name: str, arguments: tuple[Any, ...]) -> dict[Any, Any]:
        if name == "collections.defaultdict":
            arguments = arguments[1:]  # what it would make for a key that is not there
        self._check_count(name, arguments, range(2))
        items = arguments[0] if arguments else []
        if type(items) in (dict, list):
            self._copy(len(items))
        if type(items) is dict:
            return dict(items)
        result: dict[Any, Any] = {}
        for item in self._checked(name, items, list):  # Python 2 gave the items of an OrderedDict as a list of lists
            if type(item) not in (list, tuple) or len(item) != 2 or not is_key(item[0]):
                raise self._broken(
                    f"an item of {name} must be a key and a value, the key {KEY_RULE}, not {shown(item)}"
                )
            result[item[0]] = item[1]
        return result

    def _bytes(self, name: str, arguments: tuple[Any, ...]) -> bytes:
        # Protocol 2 knows no bytes: Python writes `_codecs.encode(text, "latin1")`, and `bytes()` for none.
        if not arguments:
            return b""
        self._check_count(name, arguments, range(2, 3))
        text, encoding = arguments
        if (
            type(text) is not str
            or encoding not in ("latin1", "latin-1")
            or any(character > "\xff" for character in text)
        ):
            raise self._broken(f"bytes must be written as latin1 text, not as {shown(text)} in {shown(encoding)}")
        self._copy(len(text))
        return text.encode("latin1")

    def _device(self, arguments: tuple[Any, ...]) -> str:
        kind, *index = arguments  # ("cpu",) or ("cuda", 0)
        if (
            type(kind) is not str
            or len(kind) > _MAX_DEVICE_CHARACTERS
            or any(type(number) is not int for number in index)
        ):
            raise self._broken(f"a device must have a name and a number, not {shown(kind)}")
        return ":".join([kind, *(shown(number) for number in index)])

    def _copy(self, count: int) -> None:
        # A pickle can name one long text or dict often, and each call would make another copy of it.
        self._room_for_copies -= count
        if self._room_for_copies < 0:
            raise self._broken(f"its calls may copy {_MAX_COPIED} values in all, and copy more")
