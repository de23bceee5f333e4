"""Estimates with their intervals, one below the other, as SVG: a forest plot. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from components.evaluation.axes import tick_label, ticks_between
from components.evaluation.markup import escape, figure

# In units of a phone's pixels, so that text keeps its size there.
_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 360, 116, 296, 19, 4
_LABEL_CHARACTERS = 17


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A row of the plot.

    Attributes:
      label: What it is of, plain text.
      value: The estimate.
      low: The lower end of its interval.
      high: The upper end.
      text: The value as it stands at the right, plain text.
      told: All of it in words, for those who point at it.
      other: The value of the system beside it; None where there is none.
      kind: A class for the style: `plain`, `good` or `bad`.
    """

    label: str
    value: float
    low: float
    high: float
    text: str
    told: str
    other: float | None = None
    kind: str = "plain"

    @property
    def ends(self) -> tuple[float, ...]:
        """Every number that must find room in the plot."""
        return (self.value, self.low, self.high, *(() if self.other is None else (self.other,)))


def forest(title: str, estimates: Sequence[Estimate], axis: str, line_at: float) -> str:
    """Returns a figure; the numbers must stand in a table as well.

    Args:
      title: Of the figure, plain text.
      estimates: From top to bottom.
      axis: What the numbers are, plain text.
      line_at: Where a line stands through all rows: the value of everything together, or zero.
    """
    ends = [0.0, line_at, *(end for one in estimates for end in one.ends)]
    ticks = ticks_between(min(ends), max(ends))
    low, width = ticks[0], (ticks[-1] - ticks[0]) or 1.0
    bottom = _TOP + _ROW * len(estimates)

    def across(value: float) -> str:
        return f"{_LEFT + (_RIGHT - _LEFT) * (value - low) / width:.1f}"

    grid = "".join(_upright("grid", across(tick), bottom) for tick in ticks)
    labels = "".join(
        f'<text class="tick" x="{across(tick)}" y="{bottom + 14}" text-anchor="middle">{tick_label(tick)}</text>'
        for tick in ticks
    )
    rows = "".join(_row(one, _TOP + _ROW * place, across) for place, one in enumerate(estimates))
    told = escape(f"{title}, {axis}: estimates with intervals; the numbers stand in the table below.")
    return figure(
        title,
        f'<svg viewBox="0 0 {_WIDTH} {bottom + 34}" role="img" aria-label="{told}">'
        f"{grid}{_upright('through', across(line_at), bottom)}{rows}{labels}"
        f'<text class="tick" x="{(_LEFT + _RIGHT) / 2:g}" y="{bottom + 30}" text-anchor="middle">{escape(axis)}</text>'
        "</svg>",
    )


def _upright(kind: str, x: str, bottom: float) -> str:
    return f'<line class="{kind}" x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}"/>'


def _row(one: Estimate, top: float, across: Callable[[float], str]) -> str:
    middle = top + _ROW / 2
    label = one.label if len(one.label) <= _LABEL_CHARACTERS else f"{one.label[: _LABEL_CHARACTERS - 1]}…"
    beside = "" if one.other is None else f'<circle class="beside" cx="{across(one.other)}" cy="{middle}" r="3"/>'
    return (
        f'<g class="{one.kind}"><title>{escape(one.told)}</title>'
        f'<text x="{_LEFT - 8}" y="{middle + 4}" text-anchor="end">{escape(label)}</text>'
        f'<path class="whisker" d="M{across(one.low)} {middle}H{across(one.high)}"/>{beside}'
        f'<circle class="estimate" cx="{across(one.value)}" cy="{middle}" r="3.5"/>'
        f'<text x="{_WIDTH}" y="{middle + 4}" text-anchor="end">{escape(one.text)}</text></g>'
    )
