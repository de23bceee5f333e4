"""What a person sees of runs in the terminal.

On a terminal, one line moves while a node runs and stays, with its time, when it has ended. Elsewhere (a file, a CI
log) lines are only added, without control characters. `pipeline.terminal` says where there are colours.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from beam_jobs.places import printable
from components.decisions import WORDS
from model.durations import format_seconds
from model.speech_progress import SPEECH_EVENT, SpeechProgress
from pipeline.check import Check
from pipeline.gate_display import checks_table, deciding
from pipeline.run_entry import FINISHED_STATES, NodeEntry, RunEntry
from pipeline.terminal import show_error

_NAME_WIDTH = 24
_TIME_WIDTH = 12
_BAR_WIDTH = 20
_PLAIN_PROGRESS_SECONDS = 30.0

_MARK_BY_STATE = {
    "COMPLETE": ("✓", "green"),
    "CACHED": ("✓", "green"),
    "FAILED": ("✗", "red"),
    "RUNNING": ("…", "cyan"),
    "INTERRUPTED": ("✗", "yellow"),
    "NOT_RUN": ("·", "dim"),
}
_WORD_BY_STATE = {
    "COMPLETE": "done",
    "CACHED": "cached",
    "FAILED": "failed",
    "RUNNING": "running",
    "INTERRUPTED": "interrupted",
    "NOT_RUN": "not run",
}
_STYLE_BY_RUN_STATE = {"COMPLETE": "green", "FAILED": "red", "UNREADABLE": "red", "INTERRUPTED": "yellow"}
VERDICT_STYLES = {"ACCEPT": "bold green", "REJECT": "bold red", "NEEDS_REVIEW": "bold yellow"}
_STYLE_BY_DECISION = {"approve": "bold green", "reject": "bold red"}
_VERDICT_WORDS = {"ACCEPT": "ACCEPT", "REJECT": "REJECT", "NEEDS_REVIEW": "NEEDS REVIEW"}


@dataclasses.dataclass
class _Step:
    """A stage or a node that is under way."""

    name: str
    started: float
    done: float | None = None
    total: float | None = None
    unit: str = ""
    text: str = ""
    speech: SpeechProgress = dataclasses.field(default_factory=SpeechProgress)

    def progress(self) -> str:
        """Returns how far it is, in words: `430 of 1,000 steps · loss 1.23`."""
        parts = []
        if self.done is not None:
            done = f"{self.done:,.0f}"
            parts.append(f"{done} of {self.total:,.0f} {self.unit}" if self.total else f"{done} {self.unit}")
        if self.text:
            parts.append(self.text)
        return " · ".join(parts)


class RunDisplay:
    """Shows the events of a run as they come.

    Use as a context manager around the run; `handle` takes one event.

    Args:
      console: Where to show them.

    Attributes:
      is_stopping: Whether somebody has asked for the run to be stopped, so that what fails now was interrupted.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._step: _Step | None = None
        self._failed: str | None = None
        self.is_stopping = False
        self._plain_said = 0.0
        self._spinner = Spinner("dots", style="cyan")
        self._live: Live | None = None
        if console.is_terminal and not console.is_dumb_terminal:
            self._live = Live(
                console=console,
                get_renderable=self._render,
                refresh_per_second=8,
                transient=True,
                redirect_stdout=False,
                # Whoever shows a run sends what libraries write there to a file.
                redirect_stderr=False,
            )

    def __enter__(self) -> RunDisplay:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._step = None
        if self._live is not None:
            self._live.stop()

    @property
    def current(self) -> str | None:
        """The name of the stage or node that is under way, or that failed."""
        return self._step.name if self._step is not None else self._failed

    def handle(self, event: Mapping[str, Any]) -> None:
        """Shows one event; kinds that are not known are passed over."""
        kind = event.get("event")
        if kind == "stage":
            self._end_stage()
            self._begin(str(event["text"]))
        elif kind == "planned":
            self._end_stage()
            if event.get("base_run_id"):
                self._console.print(f"  [dim]Outputs of earlier nodes come from run {event['base_run_id']}.[/dim]")
        elif kind == "node_started":
            self._end_stage()
            self._begin(str(event["node"]))
        elif kind == "node_finished":
            self._end(str(event["node"]), "CACHED" if event.get("cached") else "COMPLETE", event.get("seconds"))
        elif kind == "node_failed":
            self._failed = str(event["node"])
            self._end(self._failed, self._state_of_failure, event.get("seconds"))
        elif kind == "progress" and self._step is not None:
            self._step.done, self._step.total = event.get("done"), event.get("total")
            self._step.unit, self._step.text = str(event.get("unit", "")), str(event.get("text", ""))
            self._say_plainly(self._step)

        elif kind == SPEECH_EVENT and self._step is not None:
            speech = self._step.speech
            speech.add(event)
            self._step.done, self._step.total, self._step.unit = speech.done, speech.total, "utterances"
            self._step.text = speech.words()
            self._say_plainly(self._step)

    def fail_current(self) -> None:
        """Marks what is under way as failed, or as interrupted; for a run that ended without an event."""
        if self._step is not None:
            self._failed = self._step.name
            self._end(self._failed, self._state_of_failure, time.monotonic() - self._step.started)

    @property
    def _state_of_failure(self) -> str:
        return "INTERRUPTED" if self.is_stopping else "FAILED"

    def _begin(self, name: str) -> None:
        self._step = _Step(name, time.monotonic())
        self._plain_said = time.monotonic()

    def _end_stage(self) -> None:
        if self._step is not None:
            self._end(self._step.name, "COMPLETE", time.monotonic() - self._step.started)

    def _end(self, name: str, state: str, seconds: float | None) -> None:
        self._step = None
        self._console.print(_line(name, state, seconds), no_wrap=True, overflow="ellipsis")

    def _say_plainly(self, step: _Step) -> None:
        """Where lines cannot move, says how far a long node is, now and then."""
        now = time.monotonic()
        if self._live is None and now - self._plain_said >= _PLAIN_PROGRESS_SECONDS:
            self._plain_said = now
            self._console.print(f"    {step.name}: {step.progress()}", markup=False, soft_wrap=True)

    def _render(self) -> RenderableType:
        step = self._step
        if step is None:
            return Text("")
        grid = Table.grid(padding=(0, 1))
        widths = [3, _NAME_WIDTH, _TIME_WIDTH]
        grid.add_column(width=3, justify="right")
        grid.add_column(width=_NAME_WIDTH, no_wrap=True)
        grid.add_column(width=_TIME_WIDTH, justify="right", no_wrap=True)
        cells: list[RenderableType] = [
            self._spinner,
            Text(step.name),
            Text(format_seconds(time.monotonic() - step.started), style="dim"),
        ]
        # A table that is too wide would take the room from all of its columns, and the line would jump.
        if step.total and sum(widths) + len(widths) + _BAR_WIDTH < self._console.width:
            widths.append(_BAR_WIDTH)
            grid.add_column(width=_BAR_WIDTH)
            cells.append(ProgressBar(total=step.total, completed=step.done or 0, width=_BAR_WIDTH))
        room = self._console.width - sum(widths) - len(widths)
        words = Text(step.progress(), style="dim", no_wrap=True)
        if words and room > 0:
            words.truncate(room, overflow="ellipsis")
            grid.add_column(no_wrap=True)
            cells.append(words)
        grid.add_row(*cells)
        return grid


def _line(name: str, state: str, seconds: float | None) -> Text:
    mark, style = _MARK_BY_STATE[state]
    when = format_seconds(seconds) if state in ("COMPLETE", "FAILED", "INTERRUPTED") else ""
    word = "" if state == "COMPLETE" else _WORD_BY_STATE[state]
    line = Text("  ")
    line.append(mark, style=style)
    line.append(f" {name:<{_NAME_WIDTH}} ", style="dim" if state == "NOT_RUN" else "")
    line.append(f"{when:>{_TIME_WIDTH}}", style="dim")
    if word:
        line.append(f"  {word}", style=style if state in ("FAILED", "INTERRUPTED") else "dim")
    line.rstrip()
    return line


def show_summary(console: Console, entry: RunEntry) -> None:
    """Shows a finished run: what was measured, verdict and reasons, releases and report.

    Its nodes were shown one by one; all of them together stand here only where some did not finish.
    """
    if any(node.state not in FINISHED_STATES for node in entry.nodes):
        console.print()
        console.print(_nodes_table(entry.nodes))
    show_gates(console, entry, is_brief=True)
    if entry.record.seconds is not None:
        memory = entry.record.peak_memory_bytes
        used = f", at most {memory / 1e9:.1f} GB of memory" if memory else ""
        console.print()
        console.print(f"[dim]Run {entry.run_id} took {format_seconds(entry.record.seconds)}{used}.[/dim]")


def _nodes_table(nodes: Iterable[NodeEntry]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("    Node", no_wrap=True)
    table.add_column("Time", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    total = 0.0
    for node in nodes:
        mark, style = _MARK_BY_STATE[node.state]
        ran = node.state in ("COMPLETE", "FAILED")
        total += (node.seconds or 0.0) if ran else 0.0
        table.add_row(
            Text.assemble("  ", (mark, style), " ", (node.id, "dim" if node.state == "NOT_RUN" else "")),
            format_seconds(node.seconds) if ran else "",
            Text("" if node.state == "COMPLETE" else _WORD_BY_STATE[node.state], style="dim"),
        )
    table.add_section()
    table.add_row(Text("    all nodes", style="dim"), Text(format_seconds(total), style="dim"), "")
    return table


def show_gates(console: Console, entry: RunEntry, is_brief: bool = False) -> None:
    """Shows WER or loss by split, the verdict with each check and its reason, and where releases and report lie.

    Args:
      console: Where to show it.
      entry: The run.
      is_brief: Whether the checks that decided are enough.
    """
    if entry.verdict is None:
        console.print()
        console.print("[dim]Nothing was evaluated in this run, so there is no verdict.[/dim]")
        return
    console.print()
    console.print(_measures_table(entry))
    console.print()
    word = _VERDICT_WORDS.get(entry.verdict, entry.verdict)
    console.print(Text.assemble("  ", (f" {word} ", f"{VERDICT_STYLES.get(entry.verdict, 'bold')} reverse")))
    for record in reversed(entry.decisions):
        style = _STYLE_BY_DECISION[record.decision] if record is entry.decision else "dim"
        told = _on_one_line(f"by {record.who} at {record.when}: {record.reason}")
        console.print(Text.assemble("  ", (WORDS[record.decision], style), f" {told}"), soft_wrap=True)
    console.print()
    gates, others = deciding(entry.gates, entry.reasons) if is_brief else (entry.gates, "")
    console.print(checks_table(gates, console.width))
    if others:
        console.print(Text(f"    {others}", style="dim"), soft_wrap=True)
    places = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    places.add_column(no_wrap=True)
    places.add_column(overflow="fold")
    for name, title in (("saved_model", "SavedModel"), ("onnx", "ONNX"), ("checkpoint", "Checkpoint")):
        release = entry.releases.get(name)
        if release is not None:
            note = "published by this run" if release.pushed else "published before"
            places.add_row(f"  {title}", Text.assemble(display_path(release.path), (f"  {note}", "dim")))
            for address in release.hubs:
                places.add_row("", address)
    if entry.report_link is not None:
        places.add_row("  Report", entry.report_link)
    if entry.report is not None:
        places.add_row("" if entry.report_link else "  Report", display_path(entry.report))
    if entry.junit is not None:
        places.add_row("  JUnit XML", display_path(entry.junit))
    places.add_row("  Console" if "://" in entry.log else "  Log", display_path(entry.log))
    console.print()
    console.print(places)


def _measures_table(entry: RunEntry) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("  Word error rate" if entry.wer else "  Contrastive loss", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    intervals = {gate["name"]: gate.get("interval") for gate in entry.gates}
    for split, fraction in entry.wer.items():
        interval = intervals.get(f"max_wer/{split}")
        between = f"95 % interval {format_percent(interval[0])} to {format_percent(interval[1])}" if interval else ""
        table.add_row(f"  {split}", Text(format_percent(fraction), style="bold"), Text(between, style="dim"))
    for split, values in entry.measures.items():
        if split in entry.wer:
            continue
        interval = intervals.get(f"max_contrastive_loss/{split}")
        notes = [f"95 % interval {interval[0]:.3f} to {interval[1]:.3f}"] if interval else []
        notes.append(f"accuracy {format_percent(values.get('accuracy'))}")
        notes.append(f"perplexity of the codes {format_number(values.get('code_perplexity'), 1)}")
        loss = f"{format_number(values.get('contrastive_loss'), 3)} nats"
        table.add_row(f"  {split}", Text(loss, style="bold"), Text(", ".join(notes), style="dim"))
    return table


def _measured_in_brief(entry: RunEntry) -> str:
    lines = [f"{subset} {format_percent(fraction)}" for subset, fraction in entry.wer.items()]
    for split, values in entry.measures.items():
        if split not in entry.wer:
            lines.append(f"{split} {format_number(values.get('contrastive_loss'), 3)} nats")
    return "\n".join(lines)


def show_runs(console: Console, entries: Iterable[RunEntry]) -> None:
    """Shows runs as a table, the newest first, and below it what cannot be read of them."""
    problems: list[str] = []
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    entries = list(entries)
    of_backbones = any(set(entry.measures) - set(entry.wer) for entry in entries)
    measured = "WER or loss" if of_backbones else "WER"
    for title in ("Run", "Pipeline", "State", "Verdict", measured, "Nodes", "Time"):
        table.add_column(
            title, no_wrap=title in ("Run", "State", "Verdict"), justify="right" if title == "Time" else "left"
        )
    for entry in entries:
        verdict = entry.verdict or ""
        state_style = _STYLE_BY_RUN_STATE.get(entry.state, "cyan")
        table.add_row(
            entry.run_id,
            entry.pipeline,
            Text(entry.state.lower(), style=state_style),
            _verdict_in_brief(entry, verdict),
            _measured_in_brief(entry),
            _how_far(entry),
            format_seconds(entry.record.seconds),
        )
        problems += [entry.problem] if entry.problem else []
    console.print(table)
    freed = [entry.run_id for entry in entries if entry.freed]
    if freed:
        named = f"{freed[0]}" if len(freed) == 1 else f"{len(freed)} of these, the newest {freed[0]}"
        told = f"w2v2 gc has freed artifacts of {named}; w2v2 review RUN says which."
        console.print(Text(told, style="dim"), soft_wrap=True)
    for problem in problems:
        show_error(console, problem)


def _verdict_in_brief(entry: RunEntry, verdict: str) -> Text:
    """Returns the gate's verdict and, below it, what a person decided."""
    words = Text(_VERDICT_WORDS.get(verdict, verdict), style=VERDICT_STYLES.get(verdict, ""))
    if entry.decision is not None:
        words.append(f"\n{WORDS[entry.decision.decision]}", style=_STYLE_BY_DECISION[entry.decision.decision])
    return words


def _how_far(entry: RunEntry) -> Text:
    """Returns how many nodes have finished, and which one did not."""
    if not entry.nodes:
        return Text("")
    finished = sum(node.state in FINISHED_STATES for node in entry.nodes)
    words = Text(f"{finished} of {len(entry.nodes)}")
    for node in entry.nodes:
        if node.state in ("FAILED", "INTERRUPTED", "RUNNING"):
            mark, style = _MARK_BY_STATE[node.state]
            words.append(f" {mark} {node.id}", style=style)
    return words


def show_review(console: Console, entry: RunEntry) -> None:
    """Shows the gates of one run, or why it has none."""
    console.print(f"[bold]Run {entry.run_id}[/bold]  [dim]{entry.pipeline}, {entry.state.lower()}[/dim]")
    if entry.record.message:
        console.print()
        show_error(console, entry.record.message)
    if entry.freed:
        console.print()
        console.print(Text(entry.freed, style="dim"), soft_wrap=True)
    show_gates(console, entry)


def show_checks(console: Console, checks: Iterable[Check]) -> None:
    """Shows what `w2v2 doctor` found, and under what is wrong the mend."""
    marks = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}
    for check in checks:
        mark, style = marks[check.status]
        console.print(Text.assemble("  ", (mark, style), f" {check.name:<14}", check.message), soft_wrap=True)
        if check.mend:
            console.print(Text.assemble(" " * 18, ("mend: ", style), check.mend), soft_wrap=True)


def show_message(console: Console, message: str) -> None:
    """Shows what came of a command, line by line; what a person typed in it is escaped."""
    for line in message.splitlines():
        console.print(_on_one_line(line), markup=False, soft_wrap=True)


def display_path(path: str | Path) -> str:
    """Returns a path relative to the current directory where it lies below it, and an address as it is."""
    if "://" in str(path):
        return str(path)
    absolute = Path(path)
    try:
        return str(absolute.relative_to(Path.cwd()))
    except ValueError:
        return str(absolute)


def _on_one_line(text: str) -> str:
    """Returns text that a person typed, with all that would move the cursor or change colours escaped."""
    return printable(" ".join(text.split()))


def format_number(value: float | None, decimals: int) -> str:
    """Returns a number with so many decimals; `no number` for None."""
    return "no number" if value is None else f"{value:.{decimals}f}"


def format_percent(fraction: float | None) -> str:
    """Returns a fraction as a percentage with one decimal; `no number` for None."""
    return "no number" if fraction is None else f"{100 * fraction:.1f} %"
