"""The record of a run, `runs/<run id>/run.json`: what was asked for, and how it ended.

What happened within the graph is in the metadata store (`pipeline.runs` reads both). The record also tells of runs that
ended before the graph began, which the metadata store knows nothing of.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any, Literal

from model.errors import ConfigurationError, DataError
from model.settings import from_mapping, to_mapping
from model.storage import replacing_directory, write_json

RunState = Literal["RUNNING", "COMPLETE", "FAILED", "INTERRUPTED"]


@dataclasses.dataclass(frozen=True)
class RunRequest:
    """What a person asked for, beside the configuration.

    Attributes:
      from_node: The node to begin with; None for the first.
      to_node: The node to end with; None for the last.
      resume: Whether to go on with the latest run that did not complete.
      enable_cache: Whether nodes whose inputs did not change are served from the cache.
      approved_run_id: The run whose model a person has approved, where this run publishes it, and does nothing else.
      options: `--config`, `--corpus`, `--checkpoint`, `--language` and `--workspace` with their values, as they were
        given; without those that were not.
    """

    from_node: str | None = None
    to_node: str | None = None
    resume: bool = False
    enable_cache: bool = True
    approved_run_id: str | None = None
    options: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """The content of `run.json`.

    Attributes:
      run_id: The run's name.
      pipeline: The pipeline's name: configuration and corpus.
      config: The whole configuration, as plain values, with absolute paths.
      started: When it began: UTC, ISO 8601.
      request: What was asked for beside the configuration.
      state: RUNNING until the run has ended. A run whose process is gone without a word stays so; `pipeline.runs`
        tells it from one that is under way.
      digests: sha256 of what the run depended on, by name: `configuration`, `corpus`, `checkpoint`, `code`,
        and `language model` where one is named; empty until the graph was built.
      nodes: The ids of the graph's nodes, in the order in which they run; empty until the graph was built.
      base_run_id: The run whose outputs were reused by a partial or resumed run.
      exit_code: Of the command; None while it runs.
      message: The sentence that a failed run ended with.
      seconds: How long it took.
      peak_memory_bytes: The most memory that its processes had resident together.
      versions: Of w2v2 and of Python.
      format_version: Of this file.
    """

    run_id: str
    pipeline: str
    config: dict[str, Any]
    started: str
    request: RunRequest = dataclasses.field(default_factory=RunRequest)
    state: RunState = "RUNNING"
    digests: dict[str, str] = dataclasses.field(default_factory=dict)
    nodes: tuple[str, ...] = ()
    base_run_id: str | None = None
    exit_code: int | None = None
    message: str = ""
    seconds: float | None = None
    peak_memory_bytes: int | None = None
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    format_version: int = 1

    def way_on(self) -> str:
        """Returns how to go on with this run when it did not complete, to be put behind «and»: a verb and a command.

        A run that ended before its graph was built has no digests, and cannot be resumed.

        Example:
          >>> RunRecord("20260101T000000Z-aaaa", "local-synthetic", {}, "2026-01-01T00:00:00+00:00").way_on()
          'run again with w2v2 run'
        """
        request = self.request
        if request.approved_run_id is not None:
            given = dict(zip(request.options[::2], request.options[1::2], strict=True))
            words = given_options(reason="again", workspace=given.get("--workspace"))
            return f"run again with {shlex.join(['w2v2', 'approve', request.approved_run_id, *words])}"
        if self.digests:
            verb, words = "go on with", ["--resume"]
        else:
            verb, words = "run again with", ["--resume"] if request.resume else []
            words += given_options(**{"from": request.from_node, "to": request.to_node})
        if not request.enable_cache:
            words.append("--no-cache")
        return f"{verb} {shlex.join(['w2v2', 'run', *words, *request.options])}"


def given_options(**values: str | Path | None) -> tuple[str, ...]:
    """Returns the words of the command line for options, without those that were not given.

    Example:
      >>> given_options(config="smoke", corpus=None)
      ('--config', 'smoke')
    """
    return tuple(word for name, value in values.items() if value is not None for word in (f"--{name}", str(value)))


@dataclasses.dataclass(frozen=True)
class RunDirectory:
    """The files of one run.

    Attributes:
      path: The directory, named by the run's id.
    """

    path: Path

    @property
    def record_file(self) -> Path:
        """The record, JSON."""
        return self.path / "run.json"

    @property
    def log_file(self) -> Path:
        """What the frameworks say."""
        return self.path / "log.txt"

    @property
    def events_file(self) -> Path:
        """What the run reports, one JSON object a line."""
        return self.path / "events.jsonl"

    @property
    def report_file(self) -> Path:
        """The evaluator's report with what people decided and the history; there when a run has judged and ended."""
        return self.path / "report.html"

    def create(self, record: RunRecord) -> None:
        """Makes the directory with the record in it, so that it is never there without one.

        Raises:
          DiskFullError: there is no room left on the file system.
        """
        with replacing_directory(self.path) as temporary:
            RunDirectory(temporary).write(record)

    def write(self, record: RunRecord) -> None:
        """Writes the record; a reader sees the old one or the new one."""
        write_json(self.record_file, to_mapping(record))

    def read(self) -> RunRecord:
        """Reads the record.

        Raises:
          DataError: it is missing, or is not what `write` wrote.
        """
        try:
            return from_mapping(RunRecord, json.loads(self.record_file.read_text(encoding="utf-8")), "run")
        except OSError as error:
            raise DataError(
                f"A run must have a record, and {self.record_file} cannot be read ({error.strerror}); remove"
                f" {self.path}, and the run is forgotten."
            ) from error
        except (ValueError, ConfigurationError) as error:
            raise DataError(
                f"A run must have a record, and {self.record_file} is none ({error}); remove {self.path}, and the run"
                " is forgotten."
            ) from error
