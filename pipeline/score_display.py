"""What a person sees of a score in the terminal."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.evaluation.files import REPORT_FILE
from components.evaluation.gate import Decision
from model.metrics import Comparison, Frequent, MatchedPairs, SliceScore, SystemScore
from pipeline.gate_display import checks_table
from pipeline.printable import printable_text
from pipeline.score_files import ScoredFiles
from pipeline.score_words import between, percent, plain_table, points, signed_points

_SHOWN_FREQUENT = 10
_SHOWN_SPEAKERS = 5
_Row = tuple[str, Callable[[SystemScore], str]]


def show_score(console: Console, scored: ScoredFiles, output: Path | None = None) -> None:
    """Shows the rates of a system, its comparison with a baseline, its slices, its most frequent errors, and the gate.

    Args:
      console: Where.
      scored: What was found.
      output: Where the files of the evaluation are, if they were written.
    """
    score = scored.score
    words = score.system.words
    by = f", {score.speakers} speakers" if score.speakers is not None else ""
    console.print(
        f"  {words.utterances:,} utterances{by}, {words.reference:,} words; normaliser"
        f" {score.normaliser.name} [dim]{score.normaliser.sha256[:12]}[/dim]"
    )
    for note in scored.notes:
        console.print(Text(f"  {printable_text(note)}", style="dim"))
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
    if scored.decision is not None:
        console.print()
        _show_decision(console, scored.decision)
    if output is not None:
        console.print()
        console.print(Text(f"  Report: {printable_text(str(output / REPORT_FILE))}"), soft_wrap=True)


def _show_decision(console: Console, decision: Decision) -> None:
    asked = [dataclasses.asdict(check) for check in decision.checks if check.verdict != "NOT APPLICABLE"]
    console.print(checks_table(asked, console.width))
    console.print()
    if decision.verdict == "ACCEPT":
        console.print(Text("  Accepted: the transcripts meet all that is asked for.", style="green"))
    else:
        console.print(Text("  Rejected: the transcripts do not meet what is asked for.", style="red"))


def _systems_table(system: SystemScore, baseline: SystemScore | None) -> Table:
    systems = [system] if baseline is None else [system, baseline]
    table = plain_table("  Errors", *(["", ""][: len(systems)] if baseline is None else ["system", "baseline"]))
    rows: tuple[_Row, ...] = (
        ("WER", lambda one: percent(one.words.rate)),
        ("95 % interval", lambda one: between(one.interval)),
        ("substitutions", lambda one: f"{one.words.substitutions:,}"),
        ("deletions", lambda one: f"{one.words.deletions:,}"),
        ("insertions", lambda one: f"{one.words.insertions:,}"),
        ("CER", lambda one: percent(one.characters.rate)),
        ("MER", lambda one: percent(one.words.match_error_rate)),
        ("WIL", lambda one: percent(one.words.information_lost)),
        ("utterances with an error", lambda one: percent(one.words.utterance_error_rate)),
        ("WER of the raw texts", lambda one: percent(one.raw_words.rate)),
        ("CER of the raw texts", lambda one: percent(one.raw_characters.rate)),
    )
    for name, value_of in rows:
        style = "bold" if name == "WER" else ""
        table.add_row(f"  {name}", *(Text(value_of(one), style=style) for one in systems))
    return table


def _comparison_table(comparison: Comparison) -> Table:
    difference = comparison.difference
    direction = "worse" if difference.value > 0 else "better"
    table = plain_table("  Against the baseline", "")
    amount = f"{points(abs(difference.value))} {direction}" if difference.value else "none"
    table.add_row("  difference of the WER", Text(amount, style="bold"))
    low, high = signed_points(difference.interval.low), signed_points(difference.interval.high)
    table.add_row("  95 % interval", f"{low} to {high}, by {difference.interval.unit}s")
    table.add_row("  probability of improvement", percent(difference.probability_of_improvement))
    table.add_row("  matched pairs (MAPSSWE)", _matched_pairs(comparison.matched_pairs))
    table.add_row("  smallest detectable", f"{points(difference.smallest_detectable)}, in 80 % of such test sets")
    table.add_row("  better, worse", f"{comparison.better_utterances:,}, {comparison.worse_utterances:,} utterances")
    judged = comparison.non_inferiority
    if judged is not None:
        word, style = ("within", "green") if judged.is_non_inferior else ("not shown to be within", "red")
        bound = f"upper bound {signed_points(judged.upper_bound)} of the one-sided 95 % interval"
        table.add_row(f"  margin of {points(judged.margin)}", Text.assemble((word, style), f"; {bound}"))
        table.add_row("  equal systems rejected", f"{percent(judged.equal_rejected)} of such test sets")
        table.add_row("  narrowest margin", f"{points(judged.smallest_margin)}, at which 5 % would be rejected")
    return table


def _matched_pairs(found: MatchedPairs) -> str:
    if found.z is None or found.p_value is None:
        return f"says nothing, with {found.segments} segments"
    p_value = "p < 0.001" if found.p_value < 0.001 else f"p = {found.p_value:.3f}"
    return f"z = {found.z:.2f}, {p_value}, {found.segments:,} segments"


def _slices_table(slices: Sequence[SliceScore], worst: SliceScore | None) -> Table:
    """Shows every slice; of many speakers, those with the highest WER."""
    compared = slices[0].difference is not None
    table = plain_table("  Slice", "words", "WER", "95 % interval", *(["difference"] if compared else []))
    speakers = [one for one in slices if one.kind == "speaker"]
    highest = sorted(speakers, key=lambda one: -one.words.rate if one.words.reference else 0.0)[:_SHOWN_SPEAKERS]
    for one in slices:
        if one.kind == "speaker" and one not in highest:
            continue
        name = Text.assemble(
            f"  {one.kind.replace('_', ' ')} {printable_text(one.value)}", ("  worst" if one is worst else "", "yellow")
        )
        cells = [f"{one.words.reference:,}", percent(one.words.rate), between(one.interval)]
        if one.difference is not None:
            cells.append(signed_points(one.difference.value))
        table.add_row(name, *cells)
    if len(speakers) > len(highest):
        table.caption = f"  and {len(speakers) - len(highest)} more speakers, with lower rates"
        table.caption_justify = "left"
    return table


def _frequent(errors: Sequence[Frequent]) -> str:
    parts = []
    for one in errors[:_SHOWN_FREQUENT]:
        pair = (
            f"{one.reference} → {one.hypothesis}"
            if one.reference and one.hypothesis
            else one.reference + one.hypothesis
        )
        parts.append(f"{printable_text(pair)} {one.count}×")
    return ", ".join(parts)
