"""The curves of a training as SVG, for the report of its run: what was learned, how fast, and how well it held."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from components.evaluation.axes import tick_label, ticks_between
from components.evaluation.quantities import is_number
from model.audio import SAMPLE_RATE_HZ

# In units of a phone's pixels, so that text keeps its size there.
_WIDTH, _HEIGHT = 360, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 352, 12, 160


class Line(NamedTuple):
    """A line of a plot.

    Attributes:
      name: In the legend.
      steps: Rising.
      values: One for each step; what is no number is left out.
      has_points: Whether each value is marked, as few of them are.
    """

    name: str
    steps: Sequence[float]
    values: Sequence[float | None]
    has_points: bool = False


def training_section(training: Mapping[str, Any]) -> str:
    """Returns the section of a report, HTML without its heading.

    Args:
      training: The content of `training.json`, as Trainer writes it.
    """
    curves, measurements = training["curves"], training.get("measurements", ())
    steps = curves["step"]
    measured = [one["step"] for one in measurements]

    def of_validation(name: str) -> list[float | None]:
        return [one["validation"].get(name) for one in measurements]

    losses = [Line("training", steps, curves["loss"]), Line("validation", measured, of_validation("loss"), True)]
    plots = [plot("Loss (nats)", losses)]
    if any(value is not None for value in of_validation("wer")):
        percent = [None if value is None else 100 * value for value in of_validation("wer")]
        plots.append(plot("Validation WER (%)", [Line("validation", measured, percent, True)]))
    else:
        accuracy = [None if value is None else 100 * value for value in of_validation("accuracy")]
        plots.append(plot("Right choices among negatives (%)", [Line("validation", measured, accuracy, True)]))
        plots.append(plot("Codes in use", [Line("validation", measured, of_validation("perplexity"), True)]))
    plots.append(plot("Learning rate", [Line("training", steps, curves["learning_rate"])]))
    plots.append(plot("Norm of the gradients", [Line("training", steps, curves["gradient_norm"])]))
    padding = [100 * value for value in curves["padding_share"]]
    plots.append(plot("Padding in the batches (%)", [Line("training", steps, padding)]))
    return f"<p>{_summary(training)}</p><div class='plots'>{''.join(plots)}</div>"


def plot(title: str, lines: Sequence[Line]) -> str:
    """Returns a figure: lines over steps, their axes, and the numbers for those who do not see them."""
    points = [_numbers(line) for line in lines]
    values = [value for of_line in points for _, value in of_line]
    if not values:
        return f"<figure><figcaption>{html.escape(title)}</figcaption><p>There is no number to show.</p></figure>"
    last_step = max(step for of_line in points for step, _ in of_line)
    ticks = ticks_between(min(0.0, *values), max(values))
    low, high = ticks[0], ticks[-1]

    def place(step: float, value: float) -> tuple[float, float]:
        x = _LEFT + (_RIGHT - _LEFT) * step / max(last_step, 1)
        y = _BOTTOM - (_BOTTOM - _TOP) * (value - low) / ((high - low) or 1.0)
        return round(x, 1), round(y, 1)

    grid = "".join(
        f'<line class="grid" x1="{_LEFT}" x2="{_RIGHT}" y1="{y}" y2="{y}"/>'
        f'<text class="tick" x="{_LEFT - 5}" y="{y + 4}" text-anchor="end">{tick_label(tick)}</text>'
        for tick in ticks
        for _, y in [place(0, tick)]
    )
    below = "".join(
        f'<text class="tick" x="{place(step, low)[0]}" y="{_BOTTOM + 16}" text-anchor="{anchor}">{step:,.0f}</text>'
        for step, anchor in ((0, "middle"), (last_step / 2, "middle"), (last_step, "end"))
    )
    drawn, legend = [], []
    for number, (line, of_line) in enumerate(zip(lines, points, strict=True)):
        if not of_line:
            continue
        at = " ".join(f"{x},{y}" for x, y in (place(*point) for point in of_line))
        drawn.append(f'<polyline class="line line-{number}" points="{at}"/>')
        if line.has_points:
            drawn += [
                f'<circle class="point line-{number}" cx="{x}" cy="{y}" r="2.5"/>'
                for x, y in (place(*point) for point in of_line)
            ]
        if len(lines) > 1:
            x = _RIGHT - 88
            y = _TOP + 10 + 15 * number
            legend.append(
                f'<line class="line line-{number}" x1="{x}" x2="{x + 16}" y1="{y - 4}" y2="{y - 4}"/>'
                f'<text class="legend" x="{x + 21}" y="{y}">{html.escape(line.name)}</text>'
            )
    told = "; ".join(f"{line.name}: {_told(of_line)}" for line, of_line in zip(lines, points, strict=True) if of_line)
    return (
        f"<figure><figcaption>{html.escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(f"{title} by step. {told}.")}">'
        f"{grid}{below}"
        f'<text class="tick" x="{(_LEFT + _RIGHT) / 2}" y="{_BOTTOM + 33}" text-anchor="middle">step</text>'
        f"{''.join(drawn)}{''.join(legend)}</svg></figure>"
    )


def _numbers(line: Line) -> list[tuple[float, float]]:
    pairs = zip(line.steps, line.values, strict=True)
    return [(step, value) for step, value in pairs if value is not None and is_number(value)]


def _told(points: Sequence[tuple[float, float]]) -> str:
    first, last = points[0], points[-1]
    return f"{tick_label(first[1])} at step {first[0]:,.0f}, {tick_label(last[1])} at step {last[0]:,.0f}"


def _summary(training: Mapping[str, Any]) -> str:
    hours = training["samples"] / SAMPLE_RATE_HZ / 3_600
    parts = [
        f"{training['steps']:,} updates in {training['seconds'] / 60:,.1f} minutes",
        f"{hours:,.2f} hours of speech ({training['epochs']:,.1f} epochs)",
        f"{100 * training['padding_share']:.1f} % padding",
    ]
    if training.get("left_out"):
        parts.append(f"{training['left_out']:,} utterances were too long or too short and left out")
    if training.get("validation_left_out"):
        parts.append(f"{training['validation_left_out']:,} utterances of validation were shorter than a frame")
    if training.get("without_path"):
        parts.append(f"{training['without_path']:,} times an utterance had fewer frames than its labels need")
    if training.get("interruptions"):
        parts.append(f"asked to stop and gone on with {training['interruptions']} times")
    averaged = training.get("averaged_steps", ())
    kept = f"the weights of step {training['best_step']:,} were kept"
    if len(averaged) > 1:
        kept = f"the weights of the steps {', '.join(f'{step:,}' for step in averaged)} were averaged"
    return html.escape("; ".join([*parts, kept]) + ".")
