"""What a person sees of their recordings in the terminal."""

from __future__ import annotations

import collections
import statistics
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from beam_jobs.places import printable
from model.durations import format_seconds
from pipeline.display import display_path
from pipeline.own_data.examination import Examination
from pipeline.own_data.plan import Plan
from pipeline.own_data.remarks import Remark, Split
from pipeline.printable import printable_text

_LABEL_WIDTH = 11
_SHOWN_LETTERS = 60
_SHOWN_KINDS = 3
_MARKS = {"warning": ("!", "yellow"), "note": ("·", "dim")}


def show_examination(console: Console, found: Examination) -> None:
    """Shows what was found, and what a person should know of it."""
    place = printable(display_path(found.transcripts.folder))
    console.print(Text.assemble("  ", (place, "bold"), f": {printable_text(_named(found))}"), soft_wrap=True)
    console.print()
    table = Table(box=None, padding=0, show_header=False, pad_edge=False)
    table.add_column(width=_LABEL_WIDTH + 2, no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for label, text in (
        ("Speech", _speech(found)),
        ("Sound", _sound(found)),
        *((("Splits" if number == 0 else ""), text) for number, text in enumerate(_splits(found))),
        ("Letters", _letters(found)),
    ):
        table.add_row(f"  {label}", text)
    console.print(table)
    if found.remarks:
        console.print()
    for remark in sorted(found.remarks, key=lambda one: one.level != "warning"):
        _show_remark(console, remark)


def show_plan(console: Console, found: Examination, plan: Plan, output: Path) -> None:
    """Shows what was decided, and what is to be done next."""
    console.print()
    files = display_path(output)
    if found.reading.manifest:
        files += f" and {display_path(found.reading.corpus)}"
    head = " with a new CTC head" if plan.new_head else ""
    told = (
        f"Wrote {printable(files)}: {plan.steps:,} steps from {printable(plan.checkpoint)}{head}; the gate asks for a"
        f" WER of {100 * plan.max_wer:g} % at most, which is yours to decide there."
    )
    console.print(Padding(Text(told, overflow="fold"), (0, 0, 0, 2)))
    console.print()
    console.print(Text(f"    w2v2 run --config {printable(display_path(output))}", style="bold"), soft_wrap=True)


def _named(found: Examination) -> str:
    transcripts = found.transcripts
    kinds = {
        "table": f"the table {transcripts.named}",
        "tables": f"the tables {transcripts.named}",
        "table without a header": f"the table {transcripts.named}, which has no header",
        "text files": f"{transcripts.named} beside as many recordings",
        "Common Voice": f"{transcripts.named}, as Common Voice has it",
        "LibriSpeech": f"the subsets {transcripts.named}, as LibriSpeech has them",
    }
    return kinds[transcripts.layout]


def _speech(found: Examination) -> str:
    seconds = sorted(sound.seconds for sound in found.sounds.by_path.values())
    if found.reading.speakers_known:
        number = len({one.speaker for one in found.transcripts.utterances})
        people = f" by {number:,} speaker{'' if number == 1 else 's'}"
    else:
        people = ", speakers not known"
    return (
        f"{format_seconds(found.seconds)} in {sum(split.utterances for split in found.splits.values()):,} recordings"
        f"{people}; {seconds[0]:.1f} to {seconds[-1]:.1f} s, half of them below {statistics.median(seconds):.1f} s"
    )


def _sound(found: Examination) -> str:
    kinds = collections.Counter(
        f"{sound.format} {sound.rate_hz / 1000:g} kHz{'' if sound.channels == 1 else f', {sound.channels} channels'}"
        for sound in found.sounds.by_path.values()
    )
    shown = "; ".join(f"{kind} ({count:,})" for kind, count in kinds.most_common(_SHOWN_KINDS))
    others = len(kinds) - _SHOWN_KINDS
    return f"{shown}; {others} more kind{'' if others == 1 else 's'}" if others > 0 else shown


def _splits(found: Examination) -> list[str]:
    counted = "letters" if found.letters.parts_letters else "words"
    return [_split(name, split, counted) for name, split in found.splits.items()]


def _split(name: str, split: Split, counted: str) -> str:
    people = "" if split.speakers is None else f", {split.speakers:,} speaker{'' if split.speakers == 1 else 's'}"
    recordings = f"{split.utterances:,} recording{'' if split.utterances == 1 else 's'}"
    return f"{name}: {recordings}, {format_seconds(split.seconds)}{people}, {split.words:,} {counted}"


def _letters(found: Examination) -> str:
    letters = found.letters
    if letters.alphabet is None:
        return "A–Z and the apostrophe, as LibriSpeech has them"
    ordered = sorted(letters.counts, key=lambda letter: -letters.counts[letter])
    shown = " ".join(printable(letter) for letter in ordered[:_SHOWN_LETTERS])
    more = f" and {len(ordered) - _SHOWN_LETTERS:,} more" if len(ordered) > _SHOWN_LETTERS else ""
    scripts = ", ".join(script.title() for script in list(letters.scripts)[:_SHOWN_KINDS])
    return f"{len(ordered):,}, the most frequent first: {shown}{more} ({scripts})"


def _show_remark(console: Console, remark: Remark) -> None:
    mark, style = _MARKS[remark.level]
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(mark, style=style), Text(printable_text(remark.text)))
    for example in remark.examples:
        grid.add_row("", Text(printable_text(example), style="dim"))
    console.print(Padding(grid, (0, 0, 0, 2)))
