"""Settings as frozen dataclasses: read from JSON, written to JSON, never with an unknown field.

Every layer owns the settings of its work as a frozen dataclass that checks its values in `__post_init__`; the
configuration of the pipeline composes them. They travel through TFX as JSON strings (execution properties), so one
pair of functions turns them into JSON and back.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import hashlib
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from model.errors import ConfigurationError

Settings = TypeVar("Settings")


def to_mapping(settings: Any) -> dict[str, Any]:
    """Returns the fields of a settings dataclass, nested ones included, as plain JSON values."""
    return {field.name: _to_plain(getattr(settings, field.name)) for field in dataclasses.fields(settings)}


def to_json(settings: Any) -> str:
    """Returns settings as JSON with sorted keys: the same settings give the same bytes."""
    return json.dumps(to_mapping(settings), sort_keys=True, ensure_ascii=False)


def from_json(cls: type[Settings], text: str) -> Settings:
    """Reads settings of class `cls` from what `to_json` wrote.

    Raises:
      ConfigurationError: the text is no JSON object, a field is unknown or missing, or a value is of the wrong kind.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{cls.__name__} must be a JSON object, but the text is no JSON: {error}.") from error
    return from_mapping(cls, value)


def from_mapping(cls: type[Settings], value: Any, path: str = "") -> Settings:
    """Builds a settings dataclass from plain values.

    Args:
      cls: A dataclass.
      value: A mapping from field name to value; nested dataclasses are nested mappings.
      path: Where the mapping stands in the whole, for error messages, such as `train.schedule`.

    Raises:
      ConfigurationError: a field is unknown or missing, or a value is of the wrong kind.
    """
    where = path or cls.__name__
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{where} must be a mapping of fields, not {value!r}.")
    hints = _hints(cls)
    fields = {field.name: field for field in dataclasses.fields(typing.cast("Any", cls))}
    for name in value:
        if name not in fields:
            near = difflib.get_close_matches(str(name), fields, n=1)
            mend = f"did you mean {near[0]!r}?" if near else f"its fields are {', '.join(fields)}."
            raise ConfigurationError(f"{where} has no field {name!r}; {mend}")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in value:
            raise ConfigurationError(f"{where} needs a value for {name!r}; none was given.")
    prefix = f"{path}." if path else ""
    return cls(**{name: _from_plain(hints[name], item, f"{prefix}{name}") for name, item in value.items()})


def digest(settings: Any) -> str:
    """Returns the sha256 (hex) of the settings' JSON."""
    return hashlib.sha256(to_json(settings).encode()).hexdigest()


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _to_plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_mapping(value)
    if isinstance(value, tuple | list):
        return [_to_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _to_plain(item) for key, item in value.items()}
    return value


def _from_plain(hint: Any, value: Any, path: str) -> Any:
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        chosen = [argument for argument in arguments if argument is not type(None)]
        if all(map(dataclasses.is_dataclass, chosen)):
            return from_mapping(_with_fields(chosen, value), value, path)
        return _from_plain(chosen[0], value, path) if len(chosen) == 1 else value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigurationError(f"{path} must be a list, not {value!r}.")
        item_hints = arguments[:1] * len(value) if arguments[1:] == (Ellipsis,) else arguments
        if len(item_hints) != len(value):
            raise ConfigurationError(f"{path} must have {len(item_hints)} items, not {len(value)}: {value!r}.")
        return tuple(
            _from_plain(h, item, f"{path}[{i}]") for i, (h, item) in enumerate(zip(item_hints, value, strict=True))
        )
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise ConfigurationError(f"{path} must be a mapping, not {value!r}.")
        return {str(key): _from_plain(arguments[1], item, f"{path}.{key}") for key, item in value.items()}
    if origin is typing.Literal:
        if value not in arguments:
            raise ConfigurationError(f"{path} must be one of {', '.join(map(repr, arguments))}, not {value!r}.")
        return value
    if dataclasses.is_dataclass(hint):
        return from_mapping(typing.cast("type", hint), value, path)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and (not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool)):
        raise ConfigurationError(f"{path} must be of type {hint.__name__}, not {value!r}.")
    return value


def _with_fields(classes: list[Any], value: Any) -> Any:
    """Returns the first of some dataclasses that has all fields that are given, else the first of all."""
    given = set(value) if isinstance(value, Mapping) else set()
    return next((cls for cls in classes if given <= {field.name for field in dataclasses.fields(cls)}), classes[0])


def require(holds: bool, message: str) -> None:
    """Raises ConfigurationError with the message unless the rule holds. For `__post_init__`."""
    if not holds:
        raise ConfigurationError(message)
