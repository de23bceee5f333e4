"""What a person sees of an evaluation in the terminal: a table of each split."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table
from rich.text import Text

from beam_jobs.evaluation.evaluate import Evaluated
from beam_jobs.evaluation.tables import SplitTable, TableRow
from model.durations import format_seconds
from pipeline.printable import printable_text
from pipeline.score_words import between, percent, plain_table, signed_points


def show_evaluation(console: Console, evaluated: Evaluated) -> None:
    """Shows the tables, and below them what they leave open."""
    for table in evaluated.tables:
        console.print()
        console.print(Text(f"  {table.split}: {_size(table)}"))
        console.print()
        console.print(_rates_table(table))
        if evaluated.baseline is not None and not evaluated.is_same_model:
            console.print()
            console.print(_comparison_table(table))
    console.print()
    for note in _notes(evaluated):
        console.print(Text(f"  {printable_text(note)}", style="dim"), soft_wrap=True)


def _size(table: SplitTable) -> str:
    text = f"{table.utterances:,} utterances, {table.words:,} words, {format_seconds(table.seconds)} of speech"
    published = table.published
    if published is None:
        return text
    if published["whole"]:
        return f"{text}, as published"
    words = "" if published["words"] is None else f" and {published['words']:,} words"
    return f"{text}, of the {published['utterances']:,} utterances{words} that were published"


def _rates_table(table: SplitTable) -> Table:
    shown = plain_table("  Padding", "WER", "95 % interval", "same text", "logits", "speed")
    first = table.rows[0].way.name
    for row in table.rows:
        is_first = row.way.name == first
        shown.add_row(
            _name(row),
            Text(percent(row.score.system.words.rate), style="bold"),
            between(row.score.system.interval),
            "" if is_first else percent(row.text_agreement),
            "" if is_first else _logits(row.largest_logit_difference),
            "" if row.realtime_factor is None else f"{row.realtime_factor:,.0f} ×",
        )
    return shown


def _comparison_table(table: SplitTable) -> Table:
    shown = plain_table("  Against the baseline", "its WER", "difference", "95 % interval")
    for row in table.rows:
        comparison = row.score.baseline
        assert comparison is not None
        difference = comparison.difference
        shown.add_row(
            _name(row),
            percent(comparison.system.words.rate),
            Text(signed_points(difference.value), style="bold"),
            f"{signed_points(difference.interval.low)} to {signed_points(difference.interval.high)}",
        )
    return shown


def _name(row: TableRow) -> str:
    return f"  {row.padding}, {_way(row)}"


def _way(row: TableRow) -> str:
    if row.way.decoder == "beam_search":
        return "in batches, beam search"
    if row.way.pad_to_samples:
        return f"padded to {row.way.pad_to_samples:,}"
    return "alone" if row.way.alone else "in batches"


def _logits(difference: float) -> str:
    return f"{difference:.1e}" if math.isfinite(difference) else "no number"


def _notes(evaluated: Evaluated) -> list[str]:
    by = {row.score.system.interval.unit for table in evaluated.tables for row in table.rows}
    drawn = " or ".join(f"{unit}s" for unit in sorted(by))
    notes = [
        f"Intervals draw {drawn}. Text and logits are compared with those of each utterance alone.",
        "Speed is seconds of speech in a second.",
    ]
    if rejected := evaluated.examples.info.get("rejected"):
        notes.append(f"{rejected:,} of the corpus were rejected at ingest; w2v2 ingest names each, with its reason.")
    if evaluated.is_same_model:
        notes.append("The baseline is the same model: nothing is compared.")
    elif evaluated.baseline is not None:
        notes.append("Differences above 0: the model is worse than the baseline.")
    return notes
