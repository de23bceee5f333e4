"""`w2v2 vertex`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.options import DEFAULT_CONFIG, JsonOption, LanguageOption, require_extra
from pipeline.commands.outcome import console, ending_in_code, print_json

_NAMES = {"schema": "components/transform/schema.pbtxt", "synthetic_corpus": "the synthetic corpus"}

vertex = typer.Typer(
    name="vertex",
    help="Vertex AI: the pipeline there. docs/vertex.md says what was tried, and what was not.",
    no_args_is_help=True,
)


def compile_(
    config: Annotated[
        str,
        typer.Option(
            help="The name of a configuration in pipeline/configs, or a Python file with get_config(); it must have"
            " vertex=VertexSettings(…)."
        ),
    ] = DEFAULT_CONFIG,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where the JSON is written; default: <pipeline>.json in this directory."),
    ] = None,
    corpus: Annotated[
        str | None,
        typer.Option(help="'synthetic', or a corpus in Cloud Storage, gs://…; default: the configuration's."),
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(help="'tiny', 'random' or hf://owner/name\\[@revision]; default: the configuration's."),
    ] = None,
    language: LanguageOption = None,
    as_json: JsonOption = False,
) -> int:
    """Write the pipeline as Vertex AI takes it; nothing is sent to the cloud."""
    require_extra("vertex compile", "pipeline", "tfx")
    from pipeline.config import load_config
    from pipeline.foreground import shown
    from pipeline.vertex.compile import compile_for_vertex, require_vertex

    chosen = load_config(config).with_sources(corpus, checkpoint, language)
    require_vertex(chosen)
    with shown(None if as_json else console(), "Compile"):
        from model.storage import disk_full_is_said, replacing

        compiled = compile_for_vertex(chosen)
        path = output or Path(f"{compiled.name}.json")
        with disk_full_is_said(path), replacing(path) as temporary:
            temporary.write_bytes(compiled.to_bytes())
    if as_json:
        needs = [{"what": need.what, "address": need.address} for need in compiled.needs]
        return print_json({"output": str(path), "pipeline": compiled.name, "sha256": compiled.sha256, "needs": needs})
    console().print(f"Wrote {path} (sha256 {compiled.sha256[:16]}…), the pipeline {compiled.name}.", soft_wrap=True)
    for need in compiled.needs:
        console().print(f"Before it runs, {_NAMES[need.what]} must lie at {need.address}.", soft_wrap=True)
    return 0


vertex.command(name="compile")(ending_in_code(compile_))
