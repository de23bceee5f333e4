"""What lies below `vertex.pipeline_root`, as in a workspace, and who knows of the runs there.

<pipeline root>/
  pipelines/<pipeline>/            the artifacts of a pipeline, and people's decisions
  releases/                        where the pushers publish, unless the configuration names another place
  staging/                         half-done work that a task goes on from
  vertex/<pipeline>.json           project and region of a pipeline, which Cloud Storage does not know; written before
                                   its first run is started
  runs/<run>/report.html           the report with people's decisions, of a run about whose model somebody has decided
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from beam_jobs import places
from model.errors import ConfigurationError, DataError, UsageError
from model.settings import from_mapping, to_mapping
from model.storage import json_text
from model.training.settings import Task
from pipeline.evaluations import REPORT_FILE

if TYPE_CHECKING:
    from pipeline.config import PipelineConfig

_FORMAT_VERSION = 1
_RECORDS, _RUNS, _PIPELINES = "vertex", "runs", "pipelines"
_RECORD = re.compile(r"[a-z0-9][a-z0-9_-]*\.json")


@dataclasses.dataclass(frozen=True)
class PipelineRecord:
    """Where the runs of a pipeline are, and what they are called there.

    Attributes:
      project: Of Google Cloud, by its id.
      region: Where they run.
      pipeline: The name of the pipeline: configuration and corpus.
      runner_name: Its name on Vertex AI.
      task: Of the training.
      format_version: Of the record.
    """

    project: str
    region: str
    pipeline: str
    runner_name: str
    task: Task
    format_version: int = _FORMAT_VERSION


@dataclasses.dataclass(frozen=True)
class CloudWorkspace:
    """The places below a pipeline root in Cloud Storage.

    Attributes:
      root: Its address, `gs://<bucket>/<prefix>`.
    """

    root: str

    @classmethod
    def at(cls, address: str) -> CloudWorkspace:
        """Returns the one at an address.

        Raises:
          UsageError: it names no bucket.
        """
        return cls(places.absolute(address))

    def __str__(self) -> str:
        return self.root

    def pipeline_root(self, pipeline: str) -> str:
        """TFX's root of a pipeline."""
        return places.join(self.root, _PIPELINES, pipeline)

    def report_place(self, run_id: str) -> str:
        """Where the report of a run lies that tells of people's decisions."""
        return places.join(self.root, _RUNS, run_id, REPORT_FILE)

    def reported_runs(self) -> set[str]:
        """Returns the runs that have such a report."""
        found = places.list_tree(places.join(self.root, _RUNS))
        return {run for run, _, name in (entry.path.partition("/") for entry in found) if name == REPORT_FILE}

    def write_record(self, config: PipelineConfig) -> None:
        """Leaves the record of a pipeline, unless it is there as it is to be.

        Args:
          config: With `vertex`.

        Raises:
          DataError: this account must not write there.
          TryAgainError: Cloud Storage does not answer.
        """
        # Who only reads does without TFX, whose import takes long.
        from pipeline.vertex.inputs import runner_name

        assert config.vertex is not None
        record = PipelineRecord(
            project=config.vertex.project,
            region=config.vertex.region,
            pipeline=config.pipeline_name,
            runner_name=runner_name(config),
            task=config.train.task,
        )
        place = self._record_place(f"{record.pipeline}.json")
        content = json_text(to_mapping(record)).encode()
        try:
            if places.read_bytes(place) == content:
                return
        except FileNotFoundError:
            pass
        places.write_bytes(place, content)

    def records(self) -> list[PipelineRecord]:
        """Returns the records of all pipelines, by their names.

        Raises:
          UsageError: there is none.
          DataError: one cannot be read.
          TryAgainError: Cloud Storage does not answer.
        """
        names = [name for name in places.list_names(places.join(self.root, _RECORDS)) if _RECORD.fullmatch(name)]
        if not names:
            raise UsageError(
                f"--workspace, or W2V2_WORKSPACE, must be the vertex.pipeline_root of a pipeline that was started on"
                f" Vertex AI, with a record {self._record_place('<pipeline>.json')}, and {self.root} has none; look at"
                " the address, or let w2v2 vertex submit or w2v2 schedule apply write the record."
            )
        return [self._read(self._record_place(name)) for name in names]

    def _record_place(self, name: str) -> str:
        return places.join(self.root, _RECORDS, name)

    def _read(self, place: str) -> PipelineRecord:
        try:
            record = from_mapping(PipelineRecord, places.read_json(place), "record")
        except (OSError, ValueError, ConfigurationError) as error:
            raise DataError(
                f"The record of a pipeline must be as w2v2 vertex submit wrote it, and {place} is not ({error}); remove"
                " it, and let w2v2 vertex submit or w2v2 schedule apply write it again."
            ) from error
        if record.format_version != _FORMAT_VERSION:
            raise DataError(
                f"The record of a pipeline must have the format {_FORMAT_VERSION}, and {place} has"
                f" {record.format_version}; use the version of w2v2 that wrote it."
            )
        return record
