"""What a person sees of runs and schedules on Vertex AI in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from beam_jobs.places import printable
from pipeline.vertex.runs import RunOnVertex
from pipeline.vertex.schedule import SchedulePlan

_STYLE_BY_STATE = {"SUCCEEDED": "green", "FAILED": "red", "CANCELLED": "yellow", "RUNNING": "cyan"}
_WORDS = {
    "create": "will be made",
    "nothing": "is as it shall be",
    "update": "will be changed in place",
    "recreate": "will be made anew, because the service cannot change what it runs",
}


def show_runs(console: Console, runs: Iterable[RunOnVertex]) -> None:
    """Shows runs, one a line."""
    table = _table("run", "state", "began", "ended", "error")
    for run in runs:
        table.add_row(run.run_id, _state(run.state), run.created, run.ended, printable(run.error))
    console.print(table)


def show_run(console: Console, run: RunOnVertex) -> None:
    """Shows a run and its tasks."""
    console.print(f"{run.run_id}  ", _state(run.state), f"  {run.link}", soft_wrap=True)
    if run.error:
        console.print(Text(printable(run.error), "red"), soft_wrap=True)
    table = _table("task", "state", "began", "ended", "error")
    for task in run.tasks:
        state = "cached" if task.state == "SKIPPED" else task.state
        table.add_row(task.name, _state(state), task.started, task.ended, printable(task.error))
    console.print(table)


def show_plan(console: Console, plan: SchedulePlan, times: Sequence[Any]) -> None:
    """Shows what `apply` will do, and the next times."""
    name = plan.wanted["displayName"]
    paused = " It is paused, and stays so." if plan.is_paused else ""
    console.print(f"The schedule {name} {_WORDS[plan.action]}.{paused}", soft_wrap=True)
    for line in plan.difference:
        console.print(Text(f"  {printable(line)}"), soft_wrap=True)
    for old in plan.surplus:
        console.print(Text(f"  {old} is left from an apply that was stopped, and will be deleted"), soft_wrap=True)
    console.print("It fires next:")
    for time in times:
        console.print(f"  {time:%a %Y-%m-%d %H:%M %Z}")


def show_schedules(console: Console, schedules: Iterable[Mapping[str, Any]]) -> None:
    """Shows schedules, one a line."""
    table = _table("schedule", "state", "cron", "next run", "name")
    for one in schedules:
        table.add_row(
            one["displayName"], one.get("state", ""), one.get("cron", ""), one.get("nextRunTime", ""), one["name"]
        )
    console.print(table)


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def _state(state: str) -> Text:
    return Text(state, _STYLE_BY_STATE.get(state, ""))
