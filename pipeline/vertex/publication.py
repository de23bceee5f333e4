"""Publishes the release of a run on Vertex AI from this machine, as the pushers of that run would."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beam_jobs import places
from beam_jobs.release_bucket import BucketStore
from components.publish_judged import blessing_of, publish_judged
from model.errors import DataError, ReleaseError
from model.export.evaluation_summary import GATE_FILE, METRICS_FILE
from model.export.publish import PROBES_FILE
from model.export.release import FORMATS, Format
from pipeline.nodes import FORMAT_BY_PUSHER
from pipeline.run_entry import Release, RunEntry

# As `pipeline.vertex.spec` has it, whose import takes TFX.
_INNER_DAG = "tfx-dag"
_EXPORTER, _RELEASE = "ReleaseExporter", "release"
_PARAMETERS = ("destination", "name", "hubs", "decisions")


def pusher_parameters(job: Mapping[str, Any]) -> dict[Format, dict[str, str]]:
    """Returns what the pushers of a run were compiled with, by format.

    It stands in the run itself, so that what is approved later goes where it would have gone.

    Args:
      job: The `PipelineJob`, with its specification.

    Raises:
      DataError: the specification is not such a one.
    """
    try:
        tasks = job["pipelineSpec"]["components"][_INNER_DAG]["dag"]["tasks"]
        given = {format_: tasks[node]["inputs"]["parameters"] for node, format_ in FORMAT_BY_PUSHER.items()}
        return {format_: {name: _constant(given[format_][name]) for name in _PARAMETERS} for format_ in FORMATS}
    except (KeyError, TypeError) as error:
        raise DataError(
            "The specification of a run must say where its pushers publish, as w2v2 vertex compile writes it, and that"
            f" of {str(job.get('name', '')).rpartition('/')[2]} does not ({error}); start another run with w2v2 vertex"
            " submit."
        ) from error


def published_places(parameters: Mapping[Format, Mapping[str, str]], release_digest: str) -> list[str]:
    """Returns the versions in Cloud Storage that hold a release.

    Args:
      parameters: What `pusher_parameters` returned.
      release_digest: Of the release.

    Raises:
      DataError, TryAgainError: this account must not see them, or Cloud Storage does not answer.
    """
    found = []
    for format_, given in parameters.items():
        store = BucketStore(places.join(given["destination"], given["name"], format_))
        with contextlib.suppress(ReleaseError):  # what is there in its place is for who publishes to tell of
            versions = store.versions().items()
            found += [store.address_of(number) for number, one in versions if one.release_digest == release_digest]
    return found


def copy_release(entry: RunEntry, directory: Path) -> None:
    """Copies the release that a run has judged to a directory of this machine.

    Raises:
      ReleaseError: there is none.
      DataError, TryAgainError: this account must not see it, Cloud Storage does not answer, or the disk is full.
    """
    place = _release_place(entry)
    if not place or not places.is_directory(place):
        raise ReleaseError(
            f"The release that run {entry.run_id} has judged must lie in Cloud Storage to be approved, and"
            f" {place or 'the run names none'} is gone; run again with vertex.enable_cache=False."
        )
    places.copy_tree(place, str(directory))


def publish_release(
    entry: RunEntry, parameters: Mapping[Format, Mapping[str, str]], release: Path, scratch: Path
) -> dict[str, Release]:
    """Publishes all formats of a release wherever they are not published yet.

    Args:
      entry: The run that judged it.
      parameters: What `pusher_parameters` returned.
      release: The copy that `copy_release` made.
      scratch: A directory for the evaluation.

    Returns:
      By format, where it is; `path` is empty where somebody has rejected the release meanwhile.

    Raises:
      UsageError: a destination cannot be used, such as a hub without credentials.
      ReleaseError, DataError, TryAgainError: as `components.publish_judged`.
    """
    judged = entry.judged
    assert judged is not None
    evaluation = scratch / "evaluation"
    for name in (METRICS_FILE, GATE_FILE, PROBES_FILE):
        place = places.join(judged.evaluation.uri, name)
        try:
            places.copy_file(place, str(evaluation / name))
        except FileNotFoundError as error:
            raise ReleaseError(
                f"The evaluation of a release must be whole to publish it, and {place} is missing; put it back, or run"
                " again with vertex.enable_cache=False."
            ) from error
    digests = {"release_digest": judged.release_digest, "model_digest": judged.model_digest}
    releases = {}
    for format_, given in parameters.items():
        # What the gate left to a person is for the decisions to say, which are read anew for each format.
        blessing = blessing_of(entry.verdict == "ACCEPT", str(entry.verdict), digests, given["decisions"])
        publication = publish_judged(format_, release, evaluation, blessing, given)
        told = publication.to_mapping()
        releases[format_] = Release(
            path=told["pushed_destination"],
            version=told["pushed_version"],
            digest=judged.release_digest,
            pushed=publication.pushed,
            reason=publication.reason,
            hubs=tuple(told["hubs"].split()),
        )
    return releases


def _release_place(entry: RunEntry) -> str:
    for node in entry.nodes:
        for artifact in node.outputs:
            if (node.id, artifact.key) == (_EXPORTER, _RELEASE):
                return artifact.uri
    blessing = None if entry.judged is None else entry.judged.blessing
    return "" if blessing is None else str(blessing.properties.get("current_model", ""))


def _constant(parameter: Mapping[str, Any]) -> str:
    """Returns the value of a parameter, which versions of the specification write in one of two ways."""
    value = parameter["runtimeValue"]
    return str(value["constant"] if "constant" in value else value["constantValue"]["stringValue"])
