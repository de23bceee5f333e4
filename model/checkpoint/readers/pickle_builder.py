"""What a reader of pickles asks of those who know what they hold."""

from __future__ import annotations

from typing import Any, Protocol

from model.checkpoint.readers.pickled_object import PickledName


class PickleBuilder(Protocol):
    """What a pickle may refer to, and what becomes of it. Its errors are CheckpointErrors."""

    @property
    def unfinished(self) -> tuple[type, ...]:
        """The types that `load` gives, if they are parts only and may not be left in the result."""
        ...

    def find(self, module: str, name: str) -> PickledName | None:
        """Returns the name by which the pickle may refer to something, or None where that is refused."""
        ...

    def call(self, name: PickledName, arguments: tuple[Any, ...]) -> Any:
        """Returns what stands for the result of a call."""
        ...

    def load(self, reference: Any) -> Any:
        """Returns what a persistent id stands for: a storage."""
        ...

    def drops_state(self, value: Any) -> bool:
        """Tells whether an object that `call` made may be given a state, which is then dropped."""
        ...
