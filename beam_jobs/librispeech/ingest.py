"""The job: a corpus in, shards of records, `dataset_info.json` and `rejects.jsonl` out; nothing lost silently."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from beam_jobs import places
from beam_jobs.in_process import direct_pipeline
from beam_jobs.librispeech.corpus import CorpusSummary, inspect_corpus
from beam_jobs.librispeech.page import render_page
from beam_jobs.librispeech.parts import Part, PlannedPart, ShardKey, parts_of, read_part, write_plan
from beam_jobs.librispeech.references import Reference, Reject
from beam_jobs.librispeech.results import collect_results, first_rejects
from beam_jobs.librispeech.settings import IngestSettings
from beam_jobs.librispeech.shards import write_shard
from beam_jobs.librispeech.transfer import locked, make_place
from model.errors import DataError, TryAgainError
from model.settings import digest
from model.speech_progress import SpeechMeter, announce, report_counted
from model.storage import disk_full_is_said

INFO_FILE = "dataset_info.json"
REJECTS_FILE = "rejects.jsonl"
PAGE_FILE = "dataset.html"
# Raised when the same corpus and settings would give other records.
RECORD_VERSION = 3

_SPLIT_PREFIX = "Split-"
# In an output: shards are being moved in.
_PUBLISHING_FILE = ".publishing"


def ingest(
    corpus_dir: str | Path,
    output_dir: str | Path,
    staging_root: str | Path,
    settings: IngestSettings,
    make_pipeline: Callable[[], Any] | None = direct_pipeline,
    code_fingerprint: str = "",
) -> dict[str, Any]:
    """Writes the records of a corpus.

    Shards are staged below `staging_root`, in a directory keyed by corpus and settings, and moved to `output_dir` when
    all of them are finished; a job that was killed goes on with those that it had finished.

    Args:
      corpus_dir: The corpus, in LibriSpeech's layout, or the manifest of own recordings; without transcripts, also a
        folder of them. It, the output and the staging root are paths of this machine or addresses in Cloud Storage,
        `gs://…`.
      output_dir: Gets `Split-<name>/data_tfrecord-SSSSS-of-NNNNN`, `dataset_info.json`, `dataset.html`
        and `rejects.jsonl`.
      staging_root: A directory that outlives the run.
      settings: What to do.
      make_pipeline: Makes the Beam pipeline, with the options of the engine; None does the work in this process,
        without Beam.
      code_fingerprint: Of the code that makes records; shards that other code has finished are not gone on with.

    Returns:
      The content of `dataset_info.json`.

    Raises:
      UsageError: the corpus is missing, or the output holds something that is no output of this job.
      DataError: the corpus is empty, splits share a speaker, or too many utterances were rejected; nothing
        is published then.
      DiskFullError: there is no room left.
      TryAgainError: Cloud Storage does not answer, or another job uses the staging root.
    """
    source = places.absolute(corpus_dir)
    output = require_output(output_dir, source)
    corpus = inspect_corpus(source, settings)
    staging_name = f"ingest-{_key(corpus, settings, code_fingerprint)[:24]}"
    staging = places.join(places.absolute(staging_root), staging_name)
    with disk_full_is_said(staging), _alone(places.absolute(staging_root)):
        # Of this run alone: another one may be under way.
        plan = places.join(staging, f"plan-{uuid.uuid4().hex}.json")
        _run(corpus, staging, plan, settings, make_pipeline)
        rejects, info = collect_results(corpus, staging, plan, settings, RECORD_VERSION)
        limit = settings.max_reject_fraction
        if len(rejects) > limit * info["read"]:
            list_of_rejects = places.join(staging, REJECTS_FILE)
            _write_rejects(list_of_rejects, rejects)
            raise DataError(_too_many(rejects, info["read"], limit, list_of_rejects))
        _publish(corpus, staging, output, rejects, info)
    return info


@contextlib.contextmanager
def _alone(staging_root: str) -> Iterator[None]:
    """Lets one job at a time use a staging root of this machine, and removes it where it is empty in the end.

    In Cloud Storage nothing tells who else is there.
    """
    if places.is_remote(staging_root):
        yield
        return

    def give_up(_: float) -> None:
        raise TryAgainError(
            f"Two jobs must not stage in {staging_root} at the same time; wait until the other has ended."
        )

    make_place(Path(staging_root))
    with locked(Path(staging_root), give_up):
        yield
        # What another job has begun stays.
        with contextlib.suppress(OSError):
            Path(staging_root).rmdir()


def require_output(output_dir: str | Path, source: str = "") -> str:
    """Returns the absolute place of an output, which must be new, empty, or an output of this job, finished or not.

    Args:
      output_dir: Where an output is to be written.
      source: What is read; nothing where that is not known yet.

    Raises:
      UsageError: it holds something else.
    """
    output = places.absolute(output_dir)
    was_interrupted = places.is_file(places.join(output, _PUBLISHING_FILE))
    places.require_free(output, _PUBLISHING_FILE if was_interrupted else INFO_FILE, source)
    return output


def _publish(
    corpus: CorpusSummary, staging: str, output: str, rejects: list[dict[str, str]], info: dict[str, Any]
) -> None:
    """Moves the shards to the output. `dataset_info.json` is the last: who finds it finds all.

    Who is killed meanwhile leaves a mark, by which the place is known again.
    """
    mark = places.join(output, _PUBLISHING_FILE)
    places.write_bytes(mark, b"")
    places.remove(places.join(output, INFO_FILE))
    # Of an earlier output nothing stays: its splits may have had other names.
    for stale in places.list_directories(output):
        if stale.startswith(_SPLIT_PREFIX):
            places.remove_tree(places.join(output, stale))
    for split in corpus.splits:
        places.move_tree(*(places.join(place, f"{_SPLIT_PREFIX}{split}") for place in (staging, output)))
    _write_rejects(places.join(output, REJECTS_FILE), rejects)
    places.write_bytes(places.join(output, PAGE_FILE), render_page(info).encode())
    places.write_json(places.join(output, INFO_FILE), info)
    places.remove(mark)
    places.remove_tree(staging)


def _key(corpus: CorpusSummary, settings: IngestSettings, code_fingerprint: str) -> str:
    # How many rejects are too many decides nothing about a shard.
    of_shards = dataclasses.replace(settings, max_reject_fraction=0.0)
    parts = f"{RECORD_VERSION} {corpus.fingerprint} {digest(of_shards)} {code_fingerprint}"
    return hashlib.sha256(parts.encode()).hexdigest()


def _run(
    corpus: CorpusSummary, staging: str, plan: str, settings: IngestSettings, make_pipeline: Callable[[], Any] | None
) -> None:
    announce(corpus.utterances)
    num_shards = {split: settings.num_shards(count) for split, count in corpus.utterances_by_split.items()}
    parts = parts_of(corpus)
    if make_pipeline is None:
        _run_without_beam(corpus, parts, staging, plan, settings, num_shards)
        return
    import apache_beam as beam

    from beam_jobs import engines
    from beam_jobs.librispeech.transforms import PLANNED, ReadReferences, WritePlan, WriteShards

    pipeline = make_pipeline()
    references = (
        pipeline
        # Reshuffled, so that many workers read the parts.
        | "Parts" >> beam.Create(parts)
        | "ReadReferences" >> ReadReferences(corpus.root, settings, num_shards)
    )
    _ = references[PLANNED] | "WritePlan" >> WritePlan(plan)
    _ = references.references | "WriteShards" >> WriteShards(corpus.sound_root, staging, settings, num_shards)
    engines.run(pipeline, places.name_of(staging), (corpus.root, staging), functools.partial(_tell, settings))


def _run_without_beam(
    corpus: CorpusSummary,
    parts: Sequence[Part],
    staging: str,
    plan: str,
    settings: IngestSettings,
    num_shards: Mapping[str, int],
) -> None:
    """Does what the pipeline does, one part and one shard after another."""
    meter = SpeechMeter(settings.sample_rate_hz)
    by_shard: dict[ShardKey, list[Reference]] = collections.defaultdict(list)
    rejects: list[Reject] = []
    for part in parts:
        for outcome in read_part(corpus.root, part, settings, num_shards):
            if isinstance(outcome, Reject):
                meter.rejected()
                rejects.append(outcome)
            else:
                by_shard[outcome[0]].append(outcome[1])
    counts = {key: len(references) for key, references in by_shard.items()}
    write_plan(plan, [PlannedPart(counts, tuple(rejects))])
    for (split, shard), references in sorted(by_shard.items()):
        write_shard(corpus.sound_root, staging, settings, split, shard, num_shards[split], references, meter)


def _tell(settings: IngestSettings, counters: Mapping[str, int]) -> None:
    """Tells how far a job is whose workers cannot tell it themselves."""
    count = collections.Counter(counters)
    rejected = count["rejected_heard"] + count["rejected_unheard"]
    report_counted(
        utterances=count["written"] + rejected,
        seconds=count["samples"] / settings.sample_rate_hz,
        rejected=rejected + count["kept_rejected"],
        kept=count["kept"],
    )


def _too_many(rejects: list[dict[str, str]], read: int, limit: float, path: str) -> str:
    return (
        f"At most {100 * limit:g} % of the utterances may be rejected, and {len(rejects)} of {read} were"
        f" ({first_rejects(rejects)}); mend or remove them (all are listed in {path}), or raise"
        " ingest.max_reject_fraction."
    )


def _write_rejects(place: str, rejects: list[dict[str, str]]) -> None:
    lines = (json.dumps(reject, sort_keys=True, ensure_ascii=False) + "\n" for reject in rejects)
    places.write_bytes(place, "".join(lines).encode())
