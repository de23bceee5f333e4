"""Which runs are kept, and which artifacts are therefore left alone: functions of plain facts, without I/O."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

from model.errors import UsageError

# What a later review, report or decision reads of a run, whatever became of it. They are small.
ALWAYS_KEPT_TYPES = frozenset({"components.Evaluation", "Evaluation", "ModelBlessing", "PushedModel"})


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """What has to be known of a run.

    Attributes:
      run_id: Its name; names sort as the runs began.
      pipeline: The pipeline's name.
      artifacts: The ids of all artifacts that it read, made or took over.
      state: COMPLETE, FAILED, INTERRUPTED or RUNNING; FORGOTTEN where its record was removed.
      started: When it began, in seconds since the epoch; None where nothing tells.
      unfinished: The nodes that it has not finished.
      verdict: ACCEPT, REJECT or NEEDS_REVIEW; None where nothing was evaluated.
      is_blessed: Whether the evaluator blessed its model.
      is_approved: Whether a person has ever approved its release.
      is_decided: Whether a person has decided about its release.
      is_pushed: Whether its release was published, by this run or before.
      problem: Why it cannot be told what it is; empty where it can.
    """

    run_id: str
    pipeline: str
    artifacts: frozenset[int] = frozenset()
    state: str = "COMPLETE"
    started: float | None = None
    unfinished: frozenset[str] = frozenset()
    verdict: str | None = None
    is_blessed: bool = False
    is_approved: bool = False
    is_decided: bool = False
    is_pushed: bool = False
    problem: str = ""


@dataclasses.dataclass(frozen=True)
class ArtifactFacts:
    """What has to be known of an artifact.

    Attributes:
      id: In the metadata store.
      type_name: Its type.
      uri: Where it lies.
    """

    id: int
    type_name: str
    uri: str


def require_some_kept(keep_runs: int) -> None:
    """Raises UsageError where less than one run of each pipeline is to be kept: the latest may be gone on with."""
    if keep_runs < 1:
        raise UsageError(
            f"--keep-runs must be at least 1, because the latest run can be gone on with, not {keep_runs}."
        )


def kept_runs(runs: Iterable[RunFacts], keep_runs: int, under_way: str | None = None) -> dict[str, str]:
    """Returns the runs of which nothing is freed, each with the reason.

    Args:
      runs: All runs.
      keep_runs: How many of the newest of each pipeline are kept, whatever came of them.
      under_way: The run that holds the lock of the workspace.

    Raises:
      UsageError: less than one is to be kept: the latest may be gone on with.
    """
    require_some_kept(keep_runs)
    newest: dict[str, list[str]] = {}
    kept: dict[str, str] = {}
    for run in sorted(runs, key=lambda one: one.run_id, reverse=True):
        of_pipeline = newest.setdefault(run.pipeline, [])
        if run.state != "FORGOTTEN" and len(of_pipeline) < keep_runs:
            of_pipeline.append(run.run_id)
        if reason := _reason_to_keep(run, run.run_id in of_pipeline, keep_runs, under_way):
            kept[run.run_id] = reason
    return kept


def _reason_to_keep(run: RunFacts, is_newest: bool, keep_runs: int, under_way: str | None) -> str:
    if run.run_id == under_way:
        return "it is under way"
    if run.problem:
        return f"it cannot be told what it is: {run.problem}"
    if run.is_pushed:
        return "its model is published"
    if run.is_approved:
        return "a person approved its model"
    if run.is_blessed or run.verdict == "ACCEPT":
        return "its model is blessed"
    if run.verdict == "NEEDS_REVIEW" and not run.is_decided:
        return "it waits for a review"
    if is_newest:
        return "it is the newest of its pipeline" if keep_runs == 1 else f"it is one of the {keep_runs} newest"
    return ""


def collectable_artifacts(
    artifacts: Iterable[ArtifactFacts], runs: Sequence[RunFacts], kept: Collection[str], named: Collection[int] = ()
) -> dict[int, tuple[str, ...]]:
    """Returns the artifacts that may be freed, each with the runs that it is of; none where no run refers to it.

    An artifact stays where a run that is kept refers to it, where a blessing or a decision names it, where it is of a
    type that is always kept, and where it lies at, above or below a place of one that stays.

    Args:
      artifacts: All that are there.
      runs: All runs.
      kept: The ids of those that are kept.
      named: The ids of artifacts that a blessing of 1, or an approval, names.
    """
    of_artifact: dict[int, list[RunFacts]] = {}
    for run in runs:
        for artifact_id in run.artifacts:
            of_artifact.setdefault(artifact_id, []).append(run)
    protected_places: set[str] = set()
    candidates: list[ArtifactFacts] = []
    for artifact in artifacts:
        users = of_artifact.get(artifact.id, [])
        stays = (
            artifact.type_name in ALWAYS_KEPT_TYPES
            or artifact.id in named
            or any(run.run_id in kept for run in users)
            or not users
        )
        if stays:
            protected_places.add(artifact.uri.rstrip("/"))
        else:
            candidates.append(artifact)
    above = {place for one in protected_places for place in _parents(one)}
    return {
        artifact.id: tuple(sorted(run.run_id for run in of_artifact[artifact.id]))
        for artifact in candidates
        if not {artifact.uri.rstrip("/"), *_parents(artifact.uri)} & protected_places
        and artifact.uri.rstrip("/") not in above
    }


def needed_since(runs: Iterable[RunFacts], kept: Collection[str], node: str) -> float | None:
    """Returns from when on half-done work of a node may be gone on with, in seconds since the epoch; None for none.

    Work is found again by its content, so that a run that is asked for anew goes on with it, too, whatever ran since.

    Args:
      runs: All runs.
      kept: The ids of those that are kept.
      node: Whose work it is.
    """
    starts = [
        0.0 if run.started is None else run.started
        for run in runs
        if run.run_id in kept
        and run.state not in ("COMPLETE", "FORGOTTEN")
        and (node in run.unfinished or not run.unfinished)
    ]
    return min(starts, default=None)


def why_free(run_ids: Sequence[str], facts: Mapping[str, RunFacts]) -> str:
    """Returns why the artifacts of runs may be freed, in words."""
    states = {facts[run_id].state for run_id in run_ids}
    words = {
        "FAILED": "failed",
        "INTERRUPTED": "was interrupted",
        "RUNNING": "was interrupted",
        "FORGOTTEN": "was forgotten",
    }
    if len(states) == 1 and (word := words.get(next(iter(states)))):
        return word
    verdicts = {facts[run_id].verdict for run_id in run_ids}
    if verdicts == {"REJECT"}:
        return "superseded; the gate rejected it"
    if verdicts == {"NEEDS_REVIEW"}:
        return "superseded; a person rejected it"
    return "superseded; it judged no model" if verdicts == {None} else "superseded; not blessed"


def _parents(place: str) -> list[str]:
    parts = place.rstrip("/").split("/")
    return ["/".join(parts[:count]) for count in range(2, len(parts))]
