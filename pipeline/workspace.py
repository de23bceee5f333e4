"""The workspace: where runs, corpora, metadata and released models lie, and the lock that keeps two runs apart.

workspace/
  corpora/<name>/                the synthetic corpus
  pipelines/<pipeline>/<node>/   artifacts, as TFX lays them out
  pipelines/<pipeline>/decisions/<release digest>/   what people decided about a release
  metadata.sqlite                the metadata store
  releases/<name>/{saved_model,onnx}/<version>/
  runs/<run id>/{run.json,log.txt,events.jsonl}, and report.html where it judged a model
  staging/                       half-done work that a killed run goes on from
  lock                           held while a run is under way
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from beam_jobs import places
from model.errors import DiskFullError, TryAgainError, UsageError
from model.storage import disk_full_is_said

WORKSPACE_VARIABLE = "W2V2_WORKSPACE"
DEFAULT_WORKSPACE = "workspace"
# The default run writes about 300 MB; with less than this, a run would end in the middle.
MIN_FREE_BYTES = 1_000_000_000

_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}")
# Whoever only looks whether the lock is held takes it for a moment; a run that starts just then tries again.
_LOCK_ATTEMPTS = 20
_LOCK_PAUSE_SECONDS = 0.05


def new_run_id(now: dt.datetime | None = None) -> str:
    """Returns a run's name: the time in UTC, and four random hexadecimal digits. Names sort as the runs began."""
    moment = now or dt.datetime.now(dt.timezone.utc)
    return f"{moment.astimezone(dt.timezone.utc):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


def named_place(place: str | os.PathLike[str] | None = None) -> str | os.PathLike[str]:
    """Returns the place that is given; without one, that of W2V2_WORKSPACE, or `./workspace`."""
    return place or os.environ.get(WORKSPACE_VARIABLE) or DEFAULT_WORKSPACE


def the_run(prefix: str, known: Sequence[str], where: object) -> str:
    """Returns the one run id that is `prefix`, or begins with it.

    Args:
      prefix: What a person has given.
      known: The ids of all runs, the newest first.
      where: They lie, for the errors.

    Raises:
      UsageError: none does, or more than one.
    """
    found = [run_id for run_id in known if run_id.startswith(prefix)] if prefix else []
    if len(found) == 1 or prefix in found:
        return prefix if prefix in found else found[0]
    if found:
        raise UsageError(
            f"A run must be named by enough of its id: {prefix!r} begins {', '.join(found)}; give more of it."
        )
    newest = f"; the newest is {known[0]}" if known else ", for it has none"
    raise UsageError(f"No run in {where} has an id that begins with {prefix!r}{newest}.")


@dataclasses.dataclass(frozen=True)
class LockHolder:
    """Who holds the lock of a workspace.

    Attributes:
      pid: The process.
      run_id: Its run; or, of a command that is no run, its name.
      started: When it took the lock: UTC, ISO 8601.
    """

    pid: int
    run_id: str
    started: str

    @property
    def name(self) -> str:
        """What it is called in messages, such as `run 20260101T000000Z-aaaa`."""
        if not self.run_id:
            return "another run"
        return f"run {self.run_id}" if _RUN_ID.fullmatch(self.run_id) else self.run_id


@dataclasses.dataclass(frozen=True)
class Workspace:
    """The paths of a workspace. Only `create` and `lock` write to it.

    Attributes:
      root: Its directory, absolute.
    """

    root: Path

    @classmethod
    def at(cls, path: str | os.PathLike[str] | None = None) -> Workspace:
        """Returns the workspace at a path; without one, that of W2V2_WORKSPACE, or `./workspace`.

        Raises:
          UsageError: it names an address, and not a directory.
        """
        named = os.fspath(named_place(path))
        if places.is_remote(named):
            raise UsageError(
                "--workspace, or W2V2_WORKSPACE, must name a directory of this machine here, because only w2v2 runs,"
                f" review, approve and reject look at runs on Vertex AI, not {named}; name a directory."
            )
        return cls(Path(named).expanduser().resolve())

    @property
    def corpora_dir(self) -> Path:
        """Where corpora that the pipeline makes are kept."""
        return self.root / "corpora"

    @property
    def pipelines_dir(self) -> Path:
        """Below it, TFX's root of each pipeline."""
        return self.root / "pipelines"

    def pipeline_root(self, pipeline: str) -> Path:
        """TFX's root of a pipeline."""
        return self.pipelines_dir / pipeline

    @property
    def metadata_file(self) -> Path:
        """The SQLite file of the metadata store."""
        return self.root / "metadata.sqlite"

    @property
    def releases_dir(self) -> Path:
        """Where the pushers publish."""
        return self.root / "releases"

    @property
    def runs_dir(self) -> Path:
        """Below it, a directory for each run."""
        return self.root / "runs"

    @property
    def staging_dir(self) -> Path:
        """Half-done work that a killed run goes on from."""
        return self.root / "staging"

    @property
    def lock_file(self) -> Path:
        """The file whose lock a run holds."""
        return self.root / "lock"

    def create(self) -> None:
        """Makes the directories.

        Raises:
          UsageError: the place cannot be written to.
          DiskFullError: there is no room left.
        """
        try:
            with disk_full_is_said(self.root):
                for directory in (self.corpora_dir, self.pipelines_dir, self.releases_dir, self.runs_dir):
                    directory.mkdir(parents=True, exist_ok=True)
                self.staging_dir.mkdir(exist_ok=True)
        except (PermissionError, NotADirectoryError, FileExistsError) as error:
            raise UsageError(
                f"--workspace must be a directory that you may write to; {self.root} is not ({error.strerror})."
            ) from error
        except OSError as error:
            raise UsageError(f"The workspace {self.root} cannot be made: {error.strerror}; choose another.") from error

    def require_free_space(self, minimum_bytes: int = MIN_FREE_BYTES) -> None:
        """Raises DiskFullError unless the file system of the workspace has that much room."""
        free_bytes = shutil.disk_usage(self.root).free
        if free_bytes < minimum_bytes:
            raise DiskFullError(
                f"A run needs at least {minimum_bytes / 1e9:.1f} GB of free space under {self.root}, and there are"
                f" {free_bytes / 1e9:.1f} GB; free some, or name a workspace on another disk with --workspace."
            )

    def run_ids(self) -> list[str]:
        """Returns the ids of all runs, the newest first."""
        if not self.runs_dir.is_dir():
            return []
        return sorted((path.name for path in self.runs_dir.iterdir() if _RUN_ID.fullmatch(path.name)), reverse=True)

    def find_run(self, prefix: str) -> str:
        """Returns the one run id that begins with `prefix`.

        Raises:
          UsageError: none does, or more than one.
        """
        return the_run(prefix, self.run_ids(), self.root)

    @contextlib.contextmanager
    def lock(self, run_id: str) -> Iterator[int]:
        """Holds the lock of the workspace for a run.

        The kernel frees the lock when the last process that has the descriptor open is gone, so it is never stale.

        Yields:
          The descriptor, to be passed to the processes of the run.

        Raises:
          TryAgainError: another run holds it.
        """
        with disk_full_is_said(self.lock_file):
            descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            for attempt in range(_LOCK_ATTEMPTS):
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if attempt + 1 == _LOCK_ATTEMPTS:
                        raise TryAgainError(self._refusal()) from error
                    time.sleep(_LOCK_PAUSE_SECONDS)
            now = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
            holder = {"pid": os.getpid(), "run_id": run_id, "started": now}
            with disk_full_is_said(self.lock_file):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, (json.dumps(holder) + "\n").encode(), 0)
            yield descriptor
        finally:
            os.close(descriptor)

    def lock_holder(self) -> LockHolder | None:
        """Returns who holds the lock now, or None where nobody does."""
        try:
            descriptor = os.open(self.lock_file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._read_holder()
        else:
            return None
        finally:
            os.close(descriptor)

    def _read_holder(self) -> LockHolder:
        try:
            value = json.loads(self.lock_file.read_text(encoding="utf-8"))
            return LockHolder(int(value["pid"]), str(value["run_id"]), str(value["started"]))
        except (OSError, ValueError, KeyError, TypeError):
            # Between the lock being taken and the holder's name being written.
            return LockHolder(0, "", "")

    def _refusal(self) -> str:
        holder = self._read_holder()
        who = f"{holder.name} (process {holder.pid}, since {holder.started})" if holder.pid else holder.name
        return (
            f"Only one run at a time may use the workspace {self.root}, and {who} does; wait until it has ended, or"
            " name another workspace with --workspace."
        )
