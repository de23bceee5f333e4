"""`w2v2 ingest`."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from pipeline.commands.completion import complete_corpus
from pipeline.commands.options import (
    CORPUS_METAVAR,
    CORPUS_WORDS,
    DEFAULT_CONFIG,
    BeamFlagsArgument,
    IngestConfigOption,
    JsonOption,
    WorkspaceOption,
    require_extra,
    require_one_engine,
    workspace_at,
)
from pipeline.commands.outcome import console, print_json


def ingest(
    corpus: Annotated[
        str,
        typer.Option(
            metavar=CORPUS_METAVAR,
            help=f"What holds the speech: {CORPUS_WORDS}. A path, or a gs:// address.",
            autocompletion=complete_corpus,
        ),
    ],
    output: Annotated[
        str, typer.Option(metavar="DIR", help="Where the records are written: a directory, or a gs:// address.")
    ],
    beam_flags: BeamFlagsArgument = None,
    workers: Annotated[
        int,
        typer.Option(min=1, metavar="NUMBER", help="Processes that do the work; several need some seconds to start."),
    ] = 1,
    config: IngestConfigOption = DEFAULT_CONFIG,
    downloads: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Where archives are kept and unpacked: a directory, or a gs:// address. Default: the workspace, or"
            " beside an output in Cloud Storage.",
        ),
    ] = None,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> int:
    """Turn a corpus into shards of utterance records: the Beam job alone, here or on Dataflow."""
    require_extra("ingest", "pipeline", "apache_beam")
    require_one_engine(workers, beam_flags)
    from model.durations import format_seconds
    from pipeline.config import load_config
    from pipeline.foreground import shown

    began = time.monotonic()
    settings = load_config(config).ingest
    place = output.rstrip("/")
    with shown(None if as_json else console(), "Obtaining the corpus"):
        from beam_jobs import engines, places
        from beam_jobs.librispeech import CODE_OF_RECORDS
        from beam_jobs.librispeech.job import IngestRequest, run_job
        from components.code_fingerprint import code_fingerprint
        from model.progress import emit

        if downloads is None:
            downloads = f"{place}.corpora" if places.is_remote(output) else str(workspace_at(workspace).corpora_dir)
        flags = beam_flags or engines.direct_flags(workers)
        request = IngestRequest(corpus, output, downloads, f"{place}.staging", flags)
        ingest_began: list[float] = []

        def begin() -> None:
            ingest_began.append(time.monotonic())
            emit("node_started", {"node": "Ingest"})

        info = run_job(request, settings, code_fingerprint(*CODE_OF_RECORDS), begin)
        emit("node_finished", {"node": "Ingest", "seconds": time.monotonic() - ingest_began[0]})
    if as_json:
        return print_json(info)
    hours = sum(split["hours"] for split in info["splits"].values())
    took = format_seconds(time.monotonic() - began)
    console().print(
        f"Wrote {info['written']:,} of {info['read']:,} utterances, {hours:.2f} hours of speech, to {output} in {took}."
    )
    if info["rejected"]:
        were = "was" if info["rejected"] == 1 else "were"
        told = f"{info['rejected']:,} {were} rejected; each is named, with its reason, in {place}/rejects.jsonl."
        console().print(told)
    return 0
