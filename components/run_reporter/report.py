"""What there is to say of a run that has ended."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

from beam_jobs import places
from model.errors import DataError, W2v2Error

SUCCEEDED = "SUCCEEDED"
# What the service says of the task that holds all others.
_FAILED_TASKS = re.compile(r"failed tasks?(?: are| is)?: *\[([^\]]*)\]")
_LONGEST_MESSAGE = 500


@dataclasses.dataclass(frozen=True)
class RunReport:
    """How a run ended.

    Attributes:
      pipeline: The name of the pipeline.
      run: The name of the run, as the service has it.
      state: SUCCEEDED, FAILED or CANCELLED.
      failed_nodes: Those that the service names.
      message: What it says of the failure; empty where nothing failed.
      verdict: Of the gate, ACCEPT, REJECT or NEEDS_REVIEW; None where this run judged no model, because it ended before
        or because the evaluator was served from the cache.
      links: Addresses for people, by what is there: `run`, and `report` where a model was judged.
    """

    pipeline: str
    run: str
    state: str
    failed_nodes: tuple[str, ...] = ()
    message: str = ""
    verdict: str | None = None
    links: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def needs_attention(self) -> bool:
        """Whether somebody has to look: the run did not succeed, or its model was not accepted."""
        return self.state != SUCCEEDED or self.verdict not in (None, "ACCEPT")

    @property
    def subject(self) -> str:
        """One line."""
        return f"{self.pipeline}: {self.verdict or self.state} ({self.run})"

    @property
    def text(self) -> str:
        """A few lines for people."""
        how = {SUCCEEDED: "ended well", "FAILED": "failed", "CANCELLED": "was cancelled"}.get(self.state, self.state)
        where = f" in {', '.join(self.failed_nodes)}" if self.failed_nodes else ""
        lines = [f"Run {self.run} of {self.pipeline} {how}{where}."]
        if self.message:
            lines.append(self.message)
        if self.verdict is not None:
            lines.append(f"The gate says {self.verdict}.")
        elif self.state == SUCCEEDED:
            lines.append("No model was judged in this run; the evaluator was served from the cache.")
        return "\n".join([*lines, *(f"{name}: {address}" for name, address in self.links.items())])

    def to_json(self) -> dict[str, Any]:
        """Returns what a webhook gets."""
        return {"text": self.text, **dataclasses.asdict(self)}


def report_of(
    final_status: str, run_dir: str, pipeline_name: str, project: str, region: str, evaluator: str
) -> tuple[RunReport, str]:
    """Returns what there is to say of a run, and why the verdict could not be read, or an empty text.

    Args:
      final_status: JSON of KFP's PipelineTaskFinalStatus: `state`, `error.message`, `pipelineJobResourceName`.
      run_dir: Where the tasks of this run write: `<node>_<number>/<output>/` below it. A path or a gs:// address.
      pipeline_name: Of the pipeline.
      project: Its id.
      region: Where the run was.
      evaluator: The name of the node that judges.

    Raises:
      DataError: the status is not what the service writes.
    """
    try:
        status = json.loads(final_status)
        state = str(status["state"])
        message = str((status.get("error") or {}).get("message", ""))
        resource = str(status.get("pipelineJobResourceName", ""))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"The final status must be the JSON of a PipelineTaskFinalStatus, and is {final_status[:200]!r}; compile"
            " the pipeline with this version of w2v2."
        ) from error
    run = resource.rpartition("/")[2] or places.name_of(run_dir)
    links = {
        "run": f"https://console.cloud.google.com/vertex-ai/locations/{region}/pipelines/runs/{run}?project={project}"
    }
    verdict, problem = None, ""
    try:
        found = _evaluation(run_dir, evaluator)
        if found is not None:
            verdict = str(places.read_json(places.join(found, "gate.json"))["verdict"])
            links["report"] = places.browsable(places.join(found, "report.html"))
    except (W2v2Error, OSError, ValueError, KeyError, TypeError) as error:
        # That a run has ended must be told, whatever is wrong with its files.
        problem = f"{type(error).__name__}: {error}"
    failed = _FAILED_TASKS.search(message)
    report = RunReport(
        pipeline=pipeline_name,
        run=run,
        state=state,
        failed_nodes=tuple(name.strip() for name in failed[1].split(",") if name.strip()) if failed else (),
        message=message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}…",
        verdict=verdict,
        links=links,
    )
    return report, problem


def _evaluation(run_dir: str, evaluator: str) -> str | None:
    """Returns the evaluation of a run: of several, where the evaluator was tried again, the one that was written last.

    A task whose directory is named after the evaluator goes first; no other node has an output of that name.
    """
    found = []
    for name in places.list_directories(run_dir):
        place = places.join(run_dir, name, "evaluation")
        if places.is_file(places.join(place, "gate.json")):
            (written,) = (entry.modified_ns for entry in places.list_tree(place) if entry.path == "gate.json")
            found.append((name.startswith(evaluator), written, place))
    return max(found)[2] if found else None
