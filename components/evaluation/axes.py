"""The axes of a plot: round numbers, and few of them; as SVG that is drawn in units of a phone's pixels. Pure."""

from __future__ import annotations

import dataclasses
import html
import math
from collections.abc import Mapping, Sequence

from components.evaluation.quantities import MINUS

NUM_COLOURS = 4
"""The style has so many colours for lines: `line-0` to `line-3`."""

_STEPS = (1, 2, 2.5, 5, 10)
# Two numbers that are closer are one, for who looks at a plot.
_SMALLEST_WIDTH, _SMALLEST_SHARE = 1e-12, 1e-9
_WIDTH, _HEIGHT = 360, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 350, 10, 166


@dataclasses.dataclass(frozen=True)
class Axes:
    """Two axes of numbers.

    Attributes:
      x_low: The number at the left end.
      x_high: That at the right end.
      y_ticks: The numbers that have a line across the plot, rising; the first and the last are its ends.
    """

    x_low: float
    x_high: float
    y_ticks: Sequence[float]

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Returns where a point lies in the picture."""
        low, high = self.y_ticks[0], self.y_ticks[-1]
        across = _LEFT + (_RIGHT - _LEFT) * (x - self.x_low) / ((self.x_high - self.x_low) or 1.0)
        return round(across, 1), round(_BOTTOM - (_BOTTOM - _TOP) * (y - low) / ((high - low) or 1.0), 1)

    def picture(self, told: str, x_labels: Mapping[float, str], x_name: str, drawn: str) -> str:
        """Returns the plot as SVG.

        Args:
          told: What those hear who do not see it, plain text.
          x_labels: What stands below the axis, by where; plain text.
          x_name: What the numbers below are, plain text.
          drawn: The content, SVG.
        """
        lines = "".join(
            f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y}" y2="{y}"/>'
            f'<text class="tick" x="{_LEFT - 5}" y="{y + 4:g}" text-anchor="end">{tick_label(tick)}</text>'
            for tick in self.y_ticks
            for _, y in [self.place(self.x_low, tick)]
        )
        below = "".join(
            # What stands at the right end must not reach beyond the picture.
            f'<text class="tick" x="{place}" y="{_BOTTOM + 16}"'
            f' text-anchor="{"end" if place == _RIGHT else "middle"}">{html.escape(label)}</text>'
            for x, label in x_labels.items()
            for place, _ in [self.place(x, self.y_ticks[0])]
        )
        return (
            f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(told)}">{lines}{below}'
            f'<text class="tick" x="{(_LEFT + _RIGHT) / 2:g}" y="{_BOTTOM + 34}" text-anchor="middle">'
            f"{html.escape(x_name)}</text>{drawn}</svg>"
        )


def ticks_between(low: float, high: float) -> list[float]:
    """Returns four to six round numbers that enclose both."""
    if high - low <= max(_SMALLEST_WIDTH, _SMALLEST_SHARE * abs(low)):
        high = low + (abs(low) if abs(low) > _SMALLEST_WIDTH else 1.0)
    rough = (high - low) / 4
    scale = 10 ** math.floor(math.log10(rough))
    step = next(scale * factor for factor in _STEPS if scale * factor >= rough * (1 - 1e-9))
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def tick_label(value: float) -> str:
    """Returns a number as it stands at an axis: three digits."""
    if value == 0:
        return "0"
    if value < 0:
        return f"{MINUS}{tick_label(-value)}"
    if value >= 1000:
        return f"{value:,.0f}"
    if value < 0.001:
        digits, exponent = f"{value:.1e}".split("e")
        return f"{digits.removesuffix('.0')}e{int(exponent)}"
    return f"{value:.3g}"
