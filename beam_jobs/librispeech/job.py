"""The whole job, as a person calls it: what is named as a corpus is obtained, and becomes records."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from beam_jobs import engines, places
from beam_jobs.librispeech.ingest import ingest, require_output
from beam_jobs.librispeech.obtain import obtain_corpus
from beam_jobs.librispeech.settings import IngestSettings


@dataclasses.dataclass(frozen=True)
class IngestRequest:
    """What a person asks for.

    Attributes:
      corpus: Subsets by name, a directory, an archive, or a manifest of own recordings; a path or a `gs://` address.
      output: Where the records are written.
      downloads: Where archives are kept and unpacked.
      staging: Where unfinished work is kept.
      beam_flags: What runs the job.
    """

    corpus: str
    output: str
    downloads: str
    staging: str
    beam_flags: Sequence[str] = ()


def run_job(
    request: IngestRequest,
    settings: IngestSettings,
    code_fingerprint: str = "",
    obtained: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Obtains a corpus and writes its records; what was asked for is checked before anything is downloaded.

    Args:
      request: What is asked for.
      settings: Of the job; subsets that the request names take the place of its own.
      code_fingerprint: As `ingest` takes it.
      obtained: Is called when the corpus is there and the job begins.

    Returns:
      The content of `dataset_info.json`.

    Raises:
      W2v2Error: as `obtain_corpus` and `ingest` raise it; or the flags of Beam do not fit.
    """
    make_pipeline = engines.pipeline_maker(request.beam_flags)
    output = require_output(request.output)
    kept = tuple(map(places.absolute, (request.downloads, request.staging)))
    engines.require_reachable(request.beam_flags, (output, *kept))
    corpus = obtain_corpus(request.corpus, request.downloads)
    if corpus.subsets:
        settings = dataclasses.replace(settings, subsets=corpus.subsets)
    obtained()
    return ingest(corpus.root, output, request.staging, settings, make_pipeline, code_fingerprint)
