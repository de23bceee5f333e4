"""What may be the key of a dict that a pickle describes: what is hashed without recursion, and apart from others."""

from __future__ import annotations

from typing import Any

from model.checkpoint.readers.pickled_object import PickledName

# Python's hash of a number is its remainder by 2**61 - 1: a file could fill a dict with larger ones of one hash, and
# each of them would be compared with all before it. Floats of one hash are a few hundred at most.
_MAX_INTEGER = 2**60
_OTHER_TYPES = (str, PickledName, float, bool, type(None), bytes)

KEY_RULE = "text, bytes, None or a number of at most 60 bits"


def is_key(value: Any) -> bool:
    """Tells whether a value of a pickle may be a key; a tuple is none, as it is hashed as deep as it is nested."""
    return type(value) in _OTHER_TYPES or (type(value) is int and abs(value) <= _MAX_INTEGER)
