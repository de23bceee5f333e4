"""What a job has written and rejected, added up over its shards and held against its plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from beam_jobs import cloud_storage, places
from beam_jobs.librispeech.corpus import CorpusSummary
from beam_jobs.librispeech.page import summarise_rejects
from beam_jobs.librispeech.profile import Profile, merge_all
from beam_jobs.librispeech.published import PUBLISHED
from beam_jobs.librispeech.settings import IngestSettings
from beam_jobs.librispeech.shards import result_file
from model.errors import DataError
from model.settings import to_mapping

_SHOWN_REJECTS = 3


def collect_results(
    corpus: CorpusSummary, staging: str, plan: str, settings: IngestSettings, record_version: int
) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """Adds up the results of all shards, and holds them against the plan.

    Args:
      corpus: What was read.
      staging: Where the shards and their results lie.
      plan: The file that `WritePlan` has written.
      settings: Of the job.
      record_version: Of the records.

    Returns:
      The rejects, sorted; and the content of `dataset_info.json`.

    Raises:
      DataError: an utterance is missing, the corpus has changed meanwhile, or a split holds nothing.
    """
    planned, rejects = _read_plan(plan)
    read = sum(planned.values()) + len(rejects)
    results_of_shards = _read_results(staging, planned)
    splits: dict[str, dict[str, Any]] = {}
    profiles: list[Profile] = []
    every: list[dict[str, Any]] = []
    for split in corpus.splits:
        results = [result for (its_split, _), result in results_of_shards.items() if its_split == split]
        every += results
        rejects += [reject for result in results for reject in result["rejects"]]
        samples = sum(result["samples"] for result in results)
        profiles.append(merge_all(Profile.from_json(result["profile"]) for result in results))
        splits[split] = {
            "subsets": list(corpus.splits[split]),
            "utterances": sum(result["written"] for result in results),
            "samples": samples,
            "hours": _hours(samples, settings),
            "words": sum(result["words"] for result in results),
            "speakers": len({name for result in results for part in _parts(result) for name in part["speakers"]}),
            "shards": {result["shard"]: result["sha256"] for result in results},
            "profile": profiles[-1].summary(),
        }
    written = sum(split["utterances"] for split in splits.values())
    rejects.sort(key=lambda reject: (reject["utterance_id"], reject["path"]))
    if read < corpus.utterances:
        raise DataError(
            f"A corpus must stay as it is while it is read, and of {corpus.utterances} utterances of {corpus.root}"
            f" {read} were found again; run again."
        )
    if read != written + len(rejects):
        raise _fault(f"of {read} utterances {written} were written and {len(rejects)} rejected")
    for name, split in splits.items():
        if not split["utterances"] and len(rejects) <= settings.max_reject_fraction * read:
            own = [reject for reject in rejects if reject["split"] == name]
            told = f"all of its utterances were rejected ({first_rejects(own)})" if own else "it holds none"
            raise DataError(f"The split {name} must hold an utterance, and {told}; mend one of them, or add one.")
    info = {
        "format_version": record_version,
        "corpus": {
            "root_name": places.printable(places.name_of(corpus.root)),
            "fingerprint": corpus.fingerprint,
        },
        "settings": to_mapping(settings),
        "speakers_known": corpus.speakers_known,
        "splits": splits,
        "subsets": (subsets := _subsets(every, corpus, settings)),
        "published": {
            name: {
                "utterances": PUBLISHED[name].utterances,
                "hours": PUBLISHED[name].hours,
                "words": PUBLISHED[name].words,
                "speakers": PUBLISHED[name].speakers,
            }
            for name in subsets
            if name in PUBLISHED
        },
        "profile": merge_all(profiles).summary(),
        "read": read,
        "written": written,
        "rejected": len(rejects),
        "rejects": summarise_rejects(rejects),
    }
    return rejects, info


def first_rejects(rejects: list[dict[str, str]]) -> str:
    """Returns the first rejects with their reasons, and how many more there are, as messages show them."""
    told = [f"{reject['utterance_id']}: {reject['reason'].rstrip('.')}" for reject in rejects[:_SHOWN_REJECTS]]
    more = len(rejects) - _SHOWN_REJECTS
    return "; ".join(told + [f"and {more} more"] * (more > 0))


def _read_plan(path: str) -> tuple[dict[tuple[str, int], int], list[dict[str, str]]]:
    """Returns the number of references by split and shard, and what has become no reference."""
    try:
        plan = places.read_json(path)
    except FileNotFoundError as error:
        raise _fault(f"its plan is not there, {path}") from error
    return {(split, shard): count for split, shard, count in plan["references"]}, list(plan["rejects"])


def _read_results(staging: str, planned: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], dict[str, Any]]:
    def read(key: tuple[str, int]) -> dict[str, Any]:
        try:
            return places.read_json(places.join(staging, result_file(*key)))
        except FileNotFoundError as error:
            raise _fault(f"the result of shard {key[1]} of {key[0]} is not in {staging}") from error

    results = dict(zip(planned, cloud_storage.each(read, list(planned)), strict=True))
    for (split, shard), result in results.items():
        if result["read"] != planned[split, shard]:
            raise _fault(
                f"shard {shard} of {split} has {result['read']} utterances in place of {planned[split, shard]}"
            )
    return results


def _fault(what: str) -> DataError:
    return DataError(f"Every shard of a job must hold what was planned, and {what}; run again, and please report it.")


def _parts(result: dict[str, Any]) -> Iterable[dict[str, Any]]:
    return result["subsets"].values()


def _subsets(results: list[dict[str, Any]], corpus: CorpusSummary, settings: IngestSettings) -> dict[str, Any]:
    """Adds up the counts of each subset, whose utterances may be in several splits."""
    found: dict[str, Any] = {}
    for name in sorted({name for result in results for name in result["subsets"]}):
        parts = [result["subsets"][name] for result in results if name in result["subsets"]]
        samples = sum(part["samples"] for part in parts)
        found[name] = {
            "utterances": sum(part["utterances"] for part in parts),
            "samples": samples,
            "hours": _hours(samples, settings),
            "words": sum(part["words"] for part in parts),
            "speakers": len({speaker for part in parts for speaker in part["speakers"]}),
            "splits": [split for split, subsets in corpus.splits.items() if name in subsets],
        }
    return found


def _hours(samples: int, settings: IngestSettings) -> float:
    return round(samples / settings.sample_rate_hz / 3600, 6)
