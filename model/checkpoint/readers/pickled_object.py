"""An object that a pickle describes, and that nobody built."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True, eq=False)
class PickledObject:
    """What a pickle says about an object that is neither a container nor a tensor; nothing of it was imported or run.

    Two of them are equal when they are the same one: what they hold may refer back to them.

    Attributes:
      type: The full name of what the pickle would have called, such as `argparse.Namespace`.
      arguments: What it would have been called with.
      state: What the object would have got as its state, a dict of attributes as a rule; None without one.
      content: The dict or list that was put into it, of objects that are a kind of dict or list; else None.
    """

    type: str
    arguments: tuple[Any, ...] = ()
    state: Any = None
    content: dict[Any, Any] | list[Any] | None = None


class PickledName(str):
    """The full name of a class or function to which a pickle refers without calling it, such as `torch.float32`."""

    __slots__ = ()
