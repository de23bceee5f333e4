"""`w2v2 push`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands.completion import complete_release_format
from pipeline.commands.options import JsonOption, require_extra
from pipeline.commands.outcome import console, print_json, say

if TYPE_CHECKING:
    from model.export.evaluation_summary import EvaluationSummary

# As of `w2v2 run`: the gate rejected it; it waits for a review.
_CODE_BY_VERDICT = {"REJECT": 4, "NEEDS_REVIEW": 5}


def push(
    release: Annotated[
        Path,
        typer.Argument(metavar="RELEASE_DIR", help="What w2v2 export wrote, a run's release, or a published version."),
    ],
    to: Annotated[
        list[str],
        typer.Option(
            metavar="PLACE",
            help="A directory, gs://bucket/prefix, hf://owner/name or kaggle://owner/model/framework/variation; also"
            " several times.",
        ),
    ],
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="saved_model, onnx or checkpoint, also several with commas or the option again; default: all that are"
            " there.",
            autocompletion=complete_release_format,
        ),
    ] = None,
    evaluation: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The evaluation of the release, with metrics.json, gate.json, probes.npz."),
    ] = None,
    unevaluated: Annotated[
        bool, typer.Option("--unevaluated", help="Publish what was never evaluated; its card says so.")
    ] = False,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The model's name; default: that of the release.")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="A repository that is made on the Hugging Face Hub is private.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be uploaded where, and ask nothing of the network.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Publish a release: to a directory, to Cloud Storage, to the Hugging Face Hub or to Kaggle Models."""
    if any(place.startswith("gs://") for place in to):
        require_extra("push --to gs://…", "pipeline", "apache_beam")
    from pipeline.foreground import shown
    from pipeline.pushing import find_destinations, find_source, plan
    from pipeline.pushing import push as publish
    from pipeline.releases import formats_of

    chosen = formats_of(formats) if formats else None
    with shown(None if as_json else console(), "Push"):
        source = find_source(release, chosen, evaluation, unevaluated)
        if source.evaluation is not None and source.evaluation.verdict != "ACCEPT":
            return say(_refusal(source.evaluation), _CODE_BY_VERDICT.get(source.evaluation.verdict, 4), as_json)
        published_as = name or source.release.name
        destinations = find_destinations(source, to, published_as, private)
        entries = plan(source, destinations, published_as) if dry_run else []
        copies = [] if dry_run else publish(source, destinations, published_as)
    if as_json:
        told = {
            "dry_run": dry_run,
            "release_digest": source.release.release_digest,
            "evaluated": source.is_evaluated,
            "uploads": entries,
            "copies": [
                {"format": format_, "address": copy.address, "version": copy.version, "published": copy.is_new}
                for format_, copy in copies
            ],
        }
        return print_json(told)
    if dry_run:
        return _show_plan(entries)
    for format_, copy in copies:
        console().print(f"{format_}: {copy.sentence}", soft_wrap=True, markup=False)
    return 0


def _refusal(evaluation: EvaluationSummary) -> str:
    if evaluation.verdict == "NEEDS_REVIEW":
        return (
            "What is pushed must have passed its gate, and this release waits for a person; w2v2 approve publishes it."
        )
    return f"What is pushed must have passed its gate, and the verdict was {evaluation.verdict}; nothing was published."


def _show_plan(entries: list[dict[str, Any]]) -> int:
    terminal = console()
    for entry in entries:
        files = entry["files"]
        known_bytes = sum(size for size in files.values() if size is not None)
        told = "evaluated" if entry["evaluated"] else "not evaluated"
        lines = [
            f"{entry['destination']}: {entry['format']}, {len(files)} files, {known_bytes:,} bytes",
            f"  release digest {entry['release_digest']}, {told}",
            f"  credential     {entry['credential'] or 'none is named here'}",
            *(f"  {'' if size is None else format(size, ','):>14}  {file}" for file, size in files.items()),
        ]
        if entry["problem"]:
            lines.append(f"  It would fail: {entry['problem']}")
        for line in lines:
            terminal.print(line, soft_wrap=True, markup=False, highlight=False)
    terminal.print("Nothing was published.")
    return 0
