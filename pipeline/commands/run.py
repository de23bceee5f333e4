"""`w2v2 run`."""

from __future__ import annotations

from typing import Annotated

import typer

from model.errors import UsageError
from pipeline.commands.completion import complete_checkpoint, complete_corpus, complete_node
from pipeline.commands.options import (
    CHECKPOINT_METAVAR,
    CHECKPOINT_WORDS,
    CORPUS_METAVAR,
    CORPUS_WORDS,
    DEFAULT_CONFIG,
    ConfigOption,
    LanguageOption,
    WorkspaceOption,
    require_extra,
    workspace_at,
)
from pipeline.commands.outcome import console


def run(
    config: ConfigOption = DEFAULT_CONFIG,
    corpus: Annotated[
        str | None,
        typer.Option(
            metavar=CORPUS_METAVAR,
            help=f"What holds the speech: 'synthetic'; {CORPUS_WORDS}; or, to pre-train, a"
            " folder of recordings. Default: the configuration's.",
            autocompletion=complete_corpus,
        ),
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            metavar=CHECKPOINT_METAVAR,
            help=f"'tiny', or a published checkpoint, pre-trained or fine-tuned: {CHECKPOINT_WORDS}; default: the"
            " configuration's.",
            autocompletion=complete_checkpoint,
        ),
    ] = None,
    language: LanguageOption = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="NODE",
            help="Begin with this node; earlier outputs are those of an earlier run.",
            autocompletion=complete_node,
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="NODE", help="End with this node.", autocompletion=complete_node),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the latest run, which did not complete.")
    ] = False,
    no_cache: Annotated[
        bool,
        typer.Option("--no-cache", help="Execute every node, also where nothing has changed since an earlier run."),
    ] = False,
    workspace: WorkspaceOption = None,
) -> int:
    """Run the pipeline: corpus and checkpoint in, evaluated, gated and released models out."""
    require_extra("run", "pipeline", "tfx")
    from pipeline.config import load_config
    from pipeline.nodes import node_ids
    from pipeline.partial_run import require_nodes
    from pipeline.record import RunRequest, given_options
    from pipeline.sources import with_absolute_sources
    from pipeline.supervisor import start_run

    if resume and (from_ is not None or to is not None):
        raise UsageError("--resume finds out by itself where to begin and to end; leave out --from and --to.")
    chosen = load_config(config).with_sources(corpus, checkpoint, language)
    require_nodes(node_ids(chosen.train.task), from_=from_, to=to)
    chosen = with_absolute_sources(chosen)
    options = given_options(
        config=None if config == DEFAULT_CONFIG else config,
        corpus=corpus,
        checkpoint=checkpoint,
        language=language,
        workspace=workspace,
    )
    request = RunRequest(from_node=from_, to_node=to, resume=resume, enable_cache=not no_cache, options=options)
    return start_run(workspace_at(workspace), chosen, request, console())
