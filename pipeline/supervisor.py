"""The light side of `w2v2 run`: starts the process of the run, shows how far it is, and says how it ended."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
from rich.console import Console

from model.errors import TryAgainError, W2v2Error
from model.progress import EVENTS_VARIABLE
from model.settings import to_mapping
from model.version import __version__
from pipeline.config import PipelineConfig
from pipeline.display import RunDisplay, display_path, show_error, show_summary
from pipeline.failure import REJECTED_EXIT_CODE, UNEXPECTED_EXIT_CODE, Failure
from pipeline.record import RunDirectory, RunRecord, RunRequest
from pipeline.reports import write_report
from pipeline.run_entry import RunEntry
from pipeline.runs import read_run, read_runs
from pipeline.workspace import Workspace, new_run_id

INTERRUPT_EXIT_CODE = 130
_EXIT_CODE_BY_VERDICT = {"ACCEPT": 0, "REJECT": REJECTED_EXIT_CODE, "NEEDS_REVIEW": 5}
_POLL_SECONDS = 0.1
_MEMORY_POLL_SECONDS = 1.0
# Long enough for a training step to end and for TFX to mark the node as failed.
_GRACE_SECONDS = 20.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclasses.dataclass(frozen=True)
class ProcessResult:
    """How the process of a run ended.

    Attributes:
      return_code: As `subprocess` has it: negative where a signal ended it.
      outcome: What it reported at its end; None where it could not.
      stop_signal: The signal that asked for the run to be stopped; None where nothing did.
      during: The stage or node that was under way at the end, where one was.
      seconds: How long it took.
      peak_memory_bytes: The most memory that its processes had resident together, where it was looked at, and that one
        of them had at any time.
    """

    return_code: int
    outcome: dict[str, Any] | None
    stop_signal: int | None
    during: str | None
    seconds: float
    peak_memory_bytes: int


def start_run(workspace: Workspace, config: PipelineConfig, request: RunRequest, console: Console) -> int:
    """Runs the pipeline, shows it, and returns the exit code.

    Args:
      workspace: Where it runs.
      config: What it runs; its paths are absolute.
      request: Which part of it.
      console: Where it is shown.

    Raises:
      TryAgainError: another run uses the workspace, or the disk is full.
      UsageError: the workspace cannot be made.
    """
    workspace.create()
    workspace.require_free_space()
    run_id = new_run_id()
    with workspace.lock(run_id) as lock_descriptor:
        return run_under_lock(workspace, config, request, console, run_id, lock_descriptor)


def run_under_lock(
    workspace: Workspace,
    config: PipelineConfig,
    request: RunRequest,
    console: Console,
    run_id: str,
    lock_descriptor: int,
) -> int:
    """Runs the pipeline as `start_run` does, for who holds the lock of the workspace for this run already.

    Args:
      workspace: Where it runs.
      config: What it runs.
      request: Which part of it.
      console: Where it is shown.
      run_id: Its name.
      lock_descriptor: Of the lock, which the process of the run inherits.
    """
    directory = RunDirectory(workspace.runs_dir / run_id)
    record = RunRecord(
        run_id=run_id,
        pipeline=config.pipeline_name,
        config=to_mapping(config),
        started=dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
        request=request,
        versions={"w2v2": __version__, "python": platform.python_version()},
    )
    directory.create(record)
    console.print(f"[bold]Run {run_id}[/bold]  [dim]{config.pipeline_name}[/dim]")
    console.print(f"[dim]Workspace {display_path(workspace.root)}, log {display_path(directory.log_file)}[/dim]")
    console.print()
    command = [sys.executable, "-m", "pipeline.local", str(directory.path)]
    result = supervise(command, directory, RunDisplay(console), (lock_descriptor,))
    failure = failure_of(result, directory.read().way_on())
    return _conclude(workspace, directory, result, failure, console)


def supervise(
    command: Sequence[str], directory: RunDirectory, display: RunDisplay, keep_open: Sequence[int] = ()
) -> ProcessResult:
    """Starts the process of a run and follows it to its end.

    Args:
      command: Its command line, to which `--outcome-descriptor N` is added.
      directory: The files of the run. The process runs in it, so that no folder of the user's is taken for a package.
      display: Gets the events.
      keep_open: Descriptors that the process inherits: the lock.
    """
    start = time.monotonic()
    directory.events_file.touch()
    outcome_reader, outcome_writer = os.pipe()
    os.set_blocking(outcome_reader, False)
    environment = {
        # TensorFlow takes all memory of a GPU when it first sees it; what it takes here, the training would not get.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        **os.environ,
        EVENTS_VARIABLE: str(directory.events_file),
        "PYTHONUNBUFFERED": "1",
    }
    with (
        contextlib.closing(Events(directory.events_file)) as events,
        directory.log_file.open("ab") as log,
        _StopRequests() as stops,
        display,
    ):
        process = subprocess.Popen(
            [*command, "--outcome-descriptor", str(outcome_writer)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=directory.path,
            env=environment,
            pass_fds=(outcome_writer, *keep_open),
            start_new_session=True,
        )
        os.close(outcome_writer)
        said = bytearray()
        peak_bytes, look_at = 0, start
        while process.poll() is None:
            if time.monotonic() >= look_at:
                peak_bytes = max(peak_bytes, memory_of_tree(process.pid))
                look_at = time.monotonic() + _MEMORY_POLL_SECONDS
            display.is_stopping = stops.signal is not None
            for event in events.new():
                display.handle(event)
            said += _available(outcome_reader)
            stops.forward(process)
            time.sleep(_POLL_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # what it started and left behind
        display.is_stopping = stops.signal is not None
        for event in events.new():
            display.handle(event)
        said += _available(outcome_reader)
        os.close(outcome_reader)
        during = display.current
        outcome = _outcome(bytes(said))
        if outcome is None or not outcome["ok"]:
            display.fail_current()
    return ProcessResult(
        return_code=process.returncode,
        outcome=outcome,
        stop_signal=stops.signal,
        during=during,
        seconds=time.monotonic() - start,
        # The kernel misses no moment, but tells only of the largest process.
        peak_memory_bytes=max(peak_bytes, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024),
    )


def memory_of_tree(pid: int) -> int:
    """Returns the bytes of memory that a process and those below it have resident; 0 where it is gone.

    What processes share is counted once where the system tells (the proportional set size of Linux).
    """
    total = 0
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except (psutil.Error, OSError):
        return 0
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):  # it may have ended meanwhile
            try:
                total += process.memory_full_info().pss
            except (psutil.AccessDenied, AttributeError):
                total += process.memory_info().rss
    return total


def failure_of(result: ProcessResult, way_on: str = "run again") -> Failure | None:
    """Returns how a run failed, or None where it did all that was asked of it.

    Args:
      result: How its process ended.
      way_on: What to do then, as `RunRecord.way_on` has it.
    """
    if result.outcome is not None and result.outcome["ok"]:
        return None
    during = f" during {result.during}" if result.during else ""
    if result.stop_signal is not None:
        code = INTERRUPT_EXIT_CODE if result.stop_signal == signal.SIGINT else TryAgainError.exit_code
        return Failure(code, f"The run was stopped{during}; {way_on}.")
    if result.outcome is not None:
        expected = bool(result.outcome["expected"])
        message = str(result.outcome["message"])
        if not expected:
            message = f"The run failed{during} with an error that was not foreseen ({message}); the log tells more."
        return Failure(int(result.outcome["exit_code"]), message, expected)
    if result.return_code == -signal.SIGKILL:
        return Failure(
            TryAgainError.exit_code,
            f"The run was killed{during}, most likely because the machine's memory ran out (it had used"
            f" {result.peak_memory_bytes / 1e9:.1f} GB); free some memory and {way_on}, or choose a smaller"
            " train.batch_samples and begin anew.",
        )
    if result.return_code < 0:
        name = signal.Signals(-result.return_code).name
        return Failure(
            UNEXPECTED_EXIT_CODE, f"The process of the run crashed{during} ({name}); the log tells more.", False
        )
    return Failure(
        UNEXPECTED_EXIT_CODE,
        f"The process of the run ended{during} without a result (exit code {result.return_code}); the log tells more.",
        False,
    )


def exit_code_of(entry: RunEntry) -> int:
    """Returns the exit code of a run that did all that was asked of it: the last word about its model decides."""
    if entry.verdict is None:
        return 0
    if entry.decision is not None and entry.decision.decision == "reject":
        return REJECTED_EXIT_CODE
    if entry.decision is not None and entry.verdict == "NEEDS_REVIEW":
        return 0
    return _EXIT_CODE_BY_VERDICT[entry.verdict]


def _conclude(
    workspace: Workspace, directory: RunDirectory, result: ProcessResult, failure: Failure | None, console: Console
) -> int:
    """Completes the record, shows how the run ended, and returns the exit code."""
    record = dataclasses.replace(
        directory.read(),
        state="COMPLETE" if failure is None else "FAILED" if result.stop_signal is None else "INTERRUPTED",
        exit_code=0 if failure is None else failure.exit_code,
        message="" if failure is None else failure.message,
        seconds=round(result.seconds, 3),
        peak_memory_bytes=result.peak_memory_bytes,
    )
    try:
        directory.write(record)
        if failure is None:
            entry = read_run(workspace, record.run_id)
            if entry.judged is not None:
                report = write_report(workspace, entry, read_runs(workspace))
                entry = dataclasses.replace(entry, report=str(report))
            code = exit_code_of(entry)
            if code != record.exit_code:
                entry = dataclasses.replace(entry, record=dataclasses.replace(record, exit_code=code))
                directory.write(entry.record)
            show_summary(console, entry)
            return code
    except W2v2Error as error:
        # The run's own failure, such as a full disk, is the one to tell of.
        failure = failure or Failure(error.exit_code, str(error))
    console.print()
    show_error(console, failure.message)
    console.print(f"  [dim]Log: {display_path(directory.log_file)}[/dim]", soft_wrap=True)
    return failure.exit_code


class _StopRequests:
    """Catches the signals that ask for a stop, and hands them on to the process of the run.

    The first asks it to end; it is killed when it has not done so after a while, or at a second signal.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._count = 0
        self._asked_at: float | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> _StopRequests:
        # What is ignored stays so: nohup lets a run outlive the terminal.
        heard = [number for number in _STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        self._previous = {number: signal.signal(number, self._note) for number in heard}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def forward(self, process: subprocess.Popen[bytes]) -> None:
        """Asks the process to end, or ends it, where that is due."""
        if self.signal is None:
            return
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
            process.send_signal(signal.SIGTERM)
        elif self._count > 1 or now - self._asked_at > _GRACE_SECONDS:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _note(self, number: int, _: FrameType | None) -> None:
        self._count += 1
        if self.signal is None:
            self.signal = number


class Events:
    """Reads the lines that are added to a file of events."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._rest = b""

    def new(self) -> Iterator[dict[str, Any]]:
        """Yields the events since the last call; a line that is not whole waits for the next one."""
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue  # a full disk can cut a line; the outcome does not come this way
            if isinstance(event, dict):
                yield event

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _available(descriptor: int) -> bytes:
    said = bytearray()
    with contextlib.suppress(BlockingIOError):
        while chunk := os.read(descriptor, 65536):
            said += chunk
    return bytes(said)


def _outcome(said: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(said)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
