"""What a person sees of `w2v2 gc`."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from beam_jobs.places import printable
from pipeline.collection.item import Item, Kind
from pipeline.collection.plan import CollectionPlan
from pipeline.sizes import format_size
from pipeline.workspace import Workspace

_TITLES: dict[Kind, str] = {
    "artifact": "Artifacts",
    "rest": "Left by an earlier w2v2 gc",
    "unfinished": "Left by nodes that were killed",
    "training": "States of trainings",
    "ingest": "Unfinished ingests",
    "evaluation": "Left by evaluations that were killed",
    "temporary": "Half-written files",
    "archive": "Archives of corpora",
}
_SHOWN_LEFT = 5


def show_collection(console: Console, plan: CollectionPlan, workspace: Workspace, is_done: bool) -> None:
    """Shows what was freed, or may be, why, and how much that is.

    Args:
      console: Where.
      plan: What.
      workspace: Where it lies; paths are shown relative to it.
      is_done: Whether it was freed.
    """
    for kind, title in _TITLES.items():
        items = sorted((item for item in plan.items if item.kind == kind), key=lambda one: -one.size_bytes)
        if items:
            console.print(f"[bold]{title}[/bold]")
            console.print(_table(items, workspace))
            console.print()
    if plan.left:
        others = f" and {len(plan.left) - _SHOWN_LEFT} more" if len(plan.left) > _SHOWN_LEFT else ""
        console.print(
            "Left alone, because it lies outside of the workspace or behind a symbolic link:"
            f" {printable(', '.join(plan.left[:_SHOWN_LEFT]))}{others}",
            soft_wrap=True, markup=False,
        )  # fmt: skip
    if plan.under_way is not None:
        console.print(
            f"The workspace is in use, by {plan.under_way}; what is half-done is not listed, and nothing can"
            " be freed until it has ended.",
            soft_wrap=True,
        )
    console.print(_total(plan, workspace, is_done), soft_wrap=True)


def _table(items: list[Item], workspace: Workspace) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for item in items:
        why = item.why
        *others, newest = item.run_ids or ("",)
        if newest:
            why = f"run {newest}{f' and {len(others)} more' if others else ''}: {why}"
        path = printable(str(item.path.relative_to(workspace.root)))
        table.add_row(f"  {format_size(item.size_bytes)}", Text(path), Text(printable(why), style="dim"))
    return table


def _total(plan: CollectionPlan, workspace: Workspace, is_done: bool) -> Text:
    kept = f"; {_runs(len(plan.kept))} kept" if plan.kept else ""
    if not plan.items:
        return Text(f"Nothing in {workspace.root} can be freed{kept}.")
    size = (format_size(plan.size_bytes), "bold")
    if is_done:
        return Text.assemble("Freed ", size, f" in {workspace.root}{kept}.")
    return Text.assemble(
        size, f" can be freed{kept}. Nothing was changed; the same with ", ("--yes", "bold"), " frees it."
    )


def _runs(count: int) -> str:
    return "one run is" if count == 1 else f"{count} runs are"
