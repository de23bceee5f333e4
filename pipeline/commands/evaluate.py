"""`w2v2 evaluate`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.completion import complete_checkpoint, complete_corpus, complete_padding
from pipeline.commands.options import (
    CHECKPOINT_WORDS,
    CORPUS_METAVAR,
    CORPUS_WORDS,
    DEFAULT_CONFIG,
    BeamFlagsArgument,
    IngestConfigOption,
    JsonOption,
    LanguageOption,
    WorkspaceOption,
    require_extra,
    require_one_engine,
    workspace_at,
)
from pipeline.commands.outcome import console, print_json


def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help=f"A release, a model directory, 'tiny', or a published checkpoint: {CHECKPOINT_WORDS}.",
            autocompletion=complete_checkpoint,
        ),
    ],
    corpus: Annotated[
        str,
        typer.Option(
            metavar=CORPUS_METAVAR,
            help=f"What holds the speech: 'synthetic'; {CORPUS_WORDS}; or a directory that w2v2"
            " ingest has written. A path, or a gs:// address.",
            autocompletion=complete_corpus,
        ),
    ],
    beam_flags: BeamFlagsArgument = None,
    split: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A split to evaluate on, also several times; default: every test split."),
    ] = None,
    pad_to: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="SAMPLES", help="The constant length; longer utterances keep theirs. Default: 246000."
        ),
    ] = None,
    padding: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="What padding is to the model: masked; unmasked, where it counts as sound, as in the original"
            " checkpoints' tooling; or both.",
            autocompletion=complete_padding,
        ),
    ] = "masked",
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="A model to compare with, heard on the same utterances.",
            autocompletion=complete_checkpoint,
        ),
    ] = None,
    language_model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An n-gram language model (ARPA) for one more row, by beam search."),
    ] = None,
    language: LanguageOption = None,
    workers: Annotated[
        int,
        typer.Option(min=1, metavar="NUMBER", help="Processes that do the work; several need some seconds to start."),
    ] = 1,
    staging: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Where records, exports and results are while the command runs: a directory, or, as Dataflow needs, a"
            " gs:// address. Default: the workspace.",
        ),
    ] = None,
    config: IngestConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> int:
    """Measure any model on any corpus, without a training: WER alone, padded and in batches."""
    require_extra("evaluate", "pipeline", "apache_beam")
    require_one_engine(workers, beam_flags)
    from pipeline.config import SYNTHETIC, load_config
    from pipeline.foreground import shown

    chosen, place = load_config(config), workspace_at(workspace)
    with shown(None if as_json else console(), "Starting"):
        from beam_jobs import places
        from beam_jobs.evaluation import PUBLISHED_PADDING_SAMPLES
        from beam_jobs.evaluation.evaluate import EvaluationRequest
        from beam_jobs.evaluation.evaluate import evaluate as make_evaluation
        from beam_jobs.evaluation.tables import TableSettings
        from model.beam_search import BeamSearchSettings
        from model.metrics import ScoringSettings
        from pipeline.collection.holding import held
        from pipeline.sources import absolute_corpus, make_synthetic_corpus

        search = None if language_model is None else BeamSearchSettings(str(language_model))
        # Of pre-training, whose models have no texts, it says nothing.
        normaliser = getattr(chosen.evaluation, "normaliser", ScoringSettings().normaliser)
        request = EvaluationRequest(
            model=model,
            corpus=str(make_synthetic_corpus(chosen, place)) if corpus == SYNTHETIC else absolute_corpus(corpus),
            splits=split or (),
            padding=padding,
            baseline=baseline,
            language=language,
            tables=TableSettings(
                pad_to or PUBLISHED_PADDING_SAMPLES,
                beam_search=search,
                scoring=ScoringSettings(normaliser=normaliser),
            ),
            ingest=chosen.ingest,
            workers=workers,
            beam_flags=beam_flags or (),
        )
        place.staging_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="evaluate-", dir=place.staging_dir) as scratch, held(scratch):
            if staging is None:
                evaluated = make_evaluation(request, place.corpora_dir, scratch)
            else:
                root = places.absolute(staging)
                shared = places.join(root, Path(scratch).name)
                corpora = f"{root}.corpora" if places.is_remote(root) else place.corpora_dir
                try:
                    evaluated = make_evaluation(request, corpora, scratch, shared)
                finally:
                    places.remove_tree(shared)
    if as_json:
        return print_json(evaluated.to_mapping())
    from pipeline.evaluation_display import show_evaluation

    show_evaluation(console(), evaluated)
    return 0
