"""What a person sees of a score in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from model.metrics import Comparison, Frequent, Interval, MatchedPairs, SliceScore, SystemScore
from pipeline.score_files import ScoredFiles

_SHOWN_FREQUENT = 10
_SHOWN_SPEAKERS = 5
_Row = tuple[str, Callable[[SystemScore], str]]


def show_score(console: Console, scored: ScoredFiles) -> None:
    """Shows the rates of a system, its comparison with a baseline, its slices and its most frequent errors."""
    score = scored.score
    words = score.system.words
    by = f", {score.speakers} speakers" if score.speakers is not None else ""
    console.print(
        f"  {words.utterances:,} utterances{by}, {words.reference:,} words; normaliser"
        f" {score.normaliser.name} [dim]{score.normaliser.sha256[:12]}[/dim]"
    )
    for note in scored.notes:
        console.print(Text(f"  {_printable(note)}", style="dim"))
    console.print()
    baseline = score.baseline
    console.print(_systems_table(score.system, None if baseline is None else baseline.system))
    if baseline is not None:
        console.print()
        console.print(_comparison_table(baseline))
    if score.slices:
        console.print()
        console.print(_slices_table(score.slices, score.worst_slice))
    for title, errors in (
        ("Confused most often", score.confusions),
        ("Left out most often", score.deletions),
        ("Added most often", score.insertions),
    ):
        if errors:
            console.print()
            console.print(Text(f"  {title}", style="dim"))
            console.print(Text(f"  {_frequent(errors)}"), soft_wrap=True)


def _systems_table(system: SystemScore, baseline: SystemScore | None) -> Table:
    systems = [system] if baseline is None else [system, baseline]
    table = _table("  Errors", *(["", ""][: len(systems)] if baseline is None else ["system", "baseline"]))
    rows: tuple[_Row, ...] = (
        ("WER", lambda one: _percent(one.words.rate)),
        ("95 % interval", lambda one: _between(one.interval)),
        ("substitutions", lambda one: f"{one.words.substitutions:,}"),
        ("deletions", lambda one: f"{one.words.deletions:,}"),
        ("insertions", lambda one: f"{one.words.insertions:,}"),
        ("CER", lambda one: _percent(one.characters.rate)),
        ("MER", lambda one: _percent(one.words.match_error_rate)),
        ("WIL", lambda one: _percent(one.words.information_lost)),
        ("utterances with an error", lambda one: _percent(one.words.utterance_error_rate)),
        ("WER of the raw texts", lambda one: _percent(one.raw_words.rate)),
        ("CER of the raw texts", lambda one: _percent(one.raw_characters.rate)),
    )
    for name, value_of in rows:
        style = "bold" if name == "WER" else ""
        table.add_row(f"  {name}", *(Text(value_of(one), style=style) for one in systems))
    return table


def _comparison_table(comparison: Comparison) -> Table:
    difference = comparison.difference
    direction = "worse" if difference.value > 0 else "better"
    table = _table("  Against the baseline", "")
    amount = f"{_points(abs(difference.value))} {direction}" if difference.value else "none"
    table.add_row("  difference of the WER", Text(amount, style="bold"))
    low, high = _signed_points(difference.interval.low), _signed_points(difference.interval.high)
    table.add_row("  95 % interval", f"{low} to {high}, by {difference.interval.unit}s")
    table.add_row("  probability of improvement", _percent(difference.probability_of_improvement))
    table.add_row("  matched pairs (MAPSSWE)", _matched_pairs(comparison.matched_pairs))
    table.add_row("  smallest detectable", f"{_points(difference.smallest_detectable)}, in 80 % of such test sets")
    table.add_row("  better, worse", f"{comparison.better_utterances:,}, {comparison.worse_utterances:,} utterances")
    judged = comparison.non_inferiority
    if judged is not None:
        word, style = ("within", "green") if judged.is_non_inferior else ("not shown to be within", "red")
        bound = f"upper bound {_signed_points(judged.upper_bound)} of the one-sided 95 % interval"
        table.add_row(f"  margin of {_points(judged.margin)}", Text.assemble((word, style), f"; {bound}"))
        table.add_row("  equal systems rejected", f"{_percent(judged.equal_rejected)} of such test sets")
        table.add_row("  narrowest margin", f"{_points(judged.smallest_margin)}, at which 5 % would be rejected")
    return table


def _matched_pairs(found: MatchedPairs) -> str:
    if found.z is None or found.p_value is None:
        return f"says nothing, with {found.segments} segments"
    p_value = "p < 0.001" if found.p_value < 0.001 else f"p = {found.p_value:.3f}"
    return f"z = {found.z:.2f}, {p_value}, {found.segments:,} segments"


def _slices_table(slices: Sequence[SliceScore], worst: SliceScore | None) -> Table:
    """Shows every slice; of many speakers, those with the highest WER."""
    compared = slices[0].difference is not None
    table = _table("  Slice", "words", "WER", "95 % interval", *(["difference"] if compared else []))
    speakers = [one for one in slices if one.kind == "speaker"]
    highest = sorted(speakers, key=lambda one: -one.words.rate if one.words.reference else 0.0)[:_SHOWN_SPEAKERS]
    for one in slices:
        if one.kind == "speaker" and one not in highest:
            continue
        name = Text.assemble(
            f"  {one.kind.replace('_', ' ')} {_printable(one.value)}", ("  worst" if one is worst else "", "yellow")
        )
        cells = [f"{one.words.reference:,}", _percent(one.words.rate), _between(one.interval)]
        if one.difference is not None:
            cells.append(_signed_points(one.difference.value))
        table.add_row(name, *cells)
    if len(speakers) > len(highest):
        table.caption = f"  and {len(speakers) - len(highest)} more speakers, with lower rates"
        table.caption_justify = "left"
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column(first, no_wrap=True)
    for title in others:
        table.add_column(title, justify="right" if len(others) > 1 else "left")
    return table


def _frequent(errors: Sequence[Frequent]) -> str:
    parts = []
    for one in errors[:_SHOWN_FREQUENT]:
        pair = (
            f"{one.reference} → {one.hypothesis}"
            if one.reference and one.hypothesis
            else one.reference + one.hypothesis
        )
        parts.append(f"{_printable(pair)} {one.count}×")
    return ", ".join(parts)


def _between(interval: Interval) -> str:
    return f"{_percent(interval.low)} to {_percent(interval.high)}"


def _printable(text: str) -> str:
    """Returns text of data without what a terminal would obey."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _percent(fraction: float) -> str:
    return "no number" if fraction != fraction else f"{100 * fraction:.2f} %"


def _points(fraction: float) -> str:
    return "no number" if fraction != fraction else f"{100 * fraction:.2f} points"


def _signed_points(fraction: float) -> str:
    return "no number" if fraction != fraction else f"{100 * fraction:+.2f} points"
