"""The settings that a fairseq checkpoint carries: read whatever wraps them, and check each one before use.

Source: fairseq's `Wav2Vec2Config`, `HubertConfig` and their fine-tuning twins. From 2020 they are an
`argparse.Namespace`, then an OmegaConf tree (`_content` of a container, `_val` of a leaf), today plain dicts.
"""

from __future__ import annotations

import ast
import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

from model.checkpoint.readers.byte_file import shown
from model.checkpoint.readers.pickled_object import PickledObject
from model.errors import CheckpointError

# What the text of `conv_feature_layers` may build; the published models have 7 layers of 512 channels.
MAX_TEXT_CHARACTERS = 1000
MAX_DEPTH = 32
MAX_ITEMS = 256
MAX_LAYERS = 64
MAX_INTEGER = 1_000_000

_ARITHMETIC_OF_LISTS = re.compile(r"[0-9\[\](),+* \t\r\n]*")
_MAX_WRAPPERS = 8
# OmegaConf writes this where a value is still to be given.
_MISSING = "???"


def unwrap(value: Any) -> Any:
    """Returns the plain value in a namespace, a node of OmegaConf or a member of an enumeration; one level of it.

    Anything else is returned as it is.
    """
    for _ in range(_MAX_WRAPPERS):
        if not isinstance(value, PickledObject):
            return value
        state = value.state
        if value.content is not None:
            value = value.content
        elif isinstance(state, Mapping):
            value = next((state[name] for name in ("_content", "_val") if name in state), state)
        elif len(value.arguments) == 1 and isinstance(value.arguments[0], str):
            value = value.arguments[0]
        else:
            return value
    return value


@dataclasses.dataclass(frozen=True)
class FairseqSettings:
    """The settings of a model or of a task, by fairseq's names.

    Attributes:
      values: The settings as they were stored.
      where: The file, for messages.
    """

    values: Mapping[str, Any]
    where: str

    def overridden(self, settings: Mapping[str, Any]) -> FairseqSettings:
        """Returns these settings with others in their place."""
        return FairseqSettings({**self.values, **settings}, self.where)

    def get(self, name: str) -> Any:
        """Returns a setting as a plain value; None where it is missing or was left open."""
        value = unwrap(self.values.get(name))
        return None if isinstance(value, str) and value == _MISSING else value

    def section(self, name: str) -> FairseqSettings | None:
        """Returns the settings under a name; None where that name holds none."""
        value = self.get(name)
        return FairseqSettings(value, self.where) if isinstance(value, Mapping) else None

    def text(self, name: str, default: str) -> str:
        """Returns a setting that is text.

        Raises:
          CheckpointError: it is something else.
        """
        value = self.get(name)
        return default if value is None else self._checked(name, value, isinstance(value, str), "text")

    def flag(self, name: str, default: bool) -> bool:
        """Returns a setting that is true or false.

        Raises:
          CheckpointError: it is something else.
        """
        value = self.get(name)
        is_flag = isinstance(value, int) and value in (0, 1)
        return default if value is None else bool(self._checked(name, value, is_flag, "true or false"))

    def integer(self, name: str, default: int, minimum: int = 1) -> int:
        """Returns a setting that is a whole number.

        Raises:
          CheckpointError: it is something else, or out of bounds.
        """
        value = self.get(name)
        fits = isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= MAX_INTEGER
        rule = f"a whole number from {minimum} to {MAX_INTEGER}"
        return default if value is None else self._checked(name, value, fits, rule)

    def number(self, name: str, default: float) -> float:
        """Returns a setting that is a number ≥ 0.

        Raises:
          CheckpointError: it is something else.
        """
        value = self.get(name)
        fits = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= MAX_INTEGER
        return default if value is None else float(self._checked(name, value, fits, "a number ≥ 0"))

    def _checked(self, name: str, value: Any, fits: bool, rule: str) -> Any:
        if fits and not (isinstance(value, float) and math.isnan(value)):
            return value
        raise CheckpointError(
            f"The setting {name} of {self.where} must be {rule}, not {shown(value)}; check that the file is what"
            " fairseq wrote."
        )


def parse_conv_layers(text: str, where: str) -> list[tuple[int, int, int]]:
    """Returns the convolutions that `conv_feature_layers` describes, as (channels, kernel, stride) each.

    fairseq evaluates the text as Python. Here it may hold lists, tuples, whole numbers, `+` and `*`, and nothing that
    is longer than any real model needs: it comes from a file of somebody else.

        >>> parse_conv_layers("[(512, 10, 5)] + [(512, 3, 2)] * 2", "model.pt")
        [(512, 10, 5), (512, 3, 2), (512, 3, 2)]

    Raises:
      CheckpointError: the text is something else, or too long, or describes too much.
    """

    def refuse(reason: str) -> CheckpointError:
        return CheckpointError(
            f"The setting conv_feature_layers of {where} must be a list of (channels, kernel, stride), written with"
            f" lists, + and * alone, not {shown(text)}: {reason}; check that the file is what fairseq wrote."
        )

    if len(text) > MAX_TEXT_CHARACTERS:
        raise refuse(f"it is longer than {MAX_TEXT_CHARACTERS} characters")
    if not _ARITHMETIC_OF_LISTS.fullmatch(text):
        raise refuse("it holds other characters")
    try:
        layers = _value_of(ast.parse(text.strip(), mode="eval").body, MAX_DEPTH)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        # MemoryError is how Python 3.10's parser says that its stack is full; little memory was taken.
        raise refuse(str(error) or "it is nested too deeply") from error
    if not isinstance(layers, (list, tuple)) or not 1 <= len(layers) <= MAX_LAYERS:
        raise refuse(f"it is no list of 1 to {MAX_LAYERS} layers")
    result: list[tuple[int, int, int]] = []
    for layer in layers:
        if not isinstance(layer, (list, tuple)) or len(layer) != 3:
            raise refuse("each layer has three numbers")
        if not all(isinstance(number, int) and number >= 1 for number in layer):
            raise refuse("each number of a layer is at least 1")
        result.append((layer[0], layer[1], layer[2]))
    return result


def _value_of(node: ast.expr, depth: int) -> Any:
    """Returns the value of an expression; raises ValueError where it is not one of the few that are allowed."""
    if depth == 0:
        raise ValueError("it is nested too deeply")
    if isinstance(node, (ast.List, ast.Tuple)):
        items = [_value_of(item, depth - 1) for item in node.elts]
        return items if isinstance(node, ast.List) else tuple(items)
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return _bounded(node.value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Mult)):
        left, right = _value_of(node.left, depth - 1), _value_of(node.right, depth - 1)
        return _sum(left, right) if isinstance(node.op, ast.Add) else _product(left, right)
    raise ValueError(f"{type(node).__name__} is not allowed in it")


def _sum(left: Any, right: Any) -> Any:
    if type(left) is not type(right):
        raise ValueError("+ needs two of a kind")
    return _bounded(left + right)


def _product(left: Any, right: Any) -> Any:
    if not isinstance(left, int):
        left, right = right, left
    if not isinstance(left, int):
        raise ValueError("* needs a number")  # noqa: TRY004 — not a mistake of the program
    # The length is known before the list is made, so that no bomb goes off.
    if not isinstance(right, int) and left * len(right) > MAX_ITEMS:
        raise ValueError(f"a list of it is longer than {MAX_ITEMS}")
    return _bounded(left * right)


def _bounded(value: Any) -> Any:
    if isinstance(value, int):
        if value > MAX_INTEGER:
            raise ValueError(f"a number of it is above {MAX_INTEGER}")
    elif len(value) > MAX_ITEMS:
        raise ValueError(f"a list of it is longer than {MAX_ITEMS}")
    return value
