"""How long calls take, measured in turns: on a machine that others use, too, only what ran side by side compares."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from model.settings import require


@dataclasses.dataclass(frozen=True)
class Latency:
    """What the calls of one contender took.

    Attributes:
      seconds: Of each round, in their order.
      relative: The median of the ratios to the first contender, round by round.
    """

    seconds: tuple[float, ...]
    relative: float

    @property
    def median_seconds(self) -> float:
        """The median of all rounds."""
        return statistics.median(self.seconds)


def measure_in_turns(contenders: Mapping[str, Callable[[], Any]], rounds: int, warm_up: int = 2) -> dict[str, Latency]:
    """Calls contenders one after another, round by round.

    Args:
      contenders: By name; the first is the one that the others are compared with. A call must do all its work before it
        returns, so one that returns tensors has them as arrays.
      rounds: How often each is timed.
      warm_up: How often each is called before, which is not timed: compilers work then, and runtimes take their memory.

    Returns:
      What each took, in the order given.

    Raises:
      ConfigurationError: there is no contender, or no round.
    """
    require(bool(contenders), "There must be something to measure, and no contender is named; name one.")
    require(rounds >= 1, f"rounds must be at least 1, not {rounds}.")
    require(warm_up >= 0, f"warm_up must be at least 0, not {warm_up}.")
    for call in contenders.values():
        for _ in range(warm_up):
            call()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            began = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - began)
    first = next(iter(seconds.values()))
    return {
        name: Latency(tuple(taken), statistics.median(one / other for one, other in zip(taken, first, strict=True)))
        for name, taken in seconds.items()
    }
