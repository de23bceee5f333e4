"""What a process that hears batches holds: the models, and how far the work is."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import time
import weakref
from collections.abc import Mapping
from pathlib import Path

from beam_jobs import places
from beam_jobs.evaluation.listener import Listener
from beam_jobs.evaluation.results import finished_batches
from model import progress
from model.beam_search import BeamSearchSettings

_REPORT_SECONDS = 1.0


class LocalListener:
    """A listener, and the copies of what it reads that lies in Cloud Storage, which are gone when it is."""

    def __init__(self, release_dir: str, beam_search: BeamSearchSettings | None) -> None:
        if places.is_remote(release_dir):
            copy = self._new_directory() / "release"
            places.copy_tree(release_dir, str(copy))
            release_dir = str(copy)
        if beam_search is not None and places.is_remote(beam_search.language_model):
            copy = self._new_directory() / places.name_of(beam_search.language_model)
            places.copy_file(beam_search.language_model, str(copy))
            beam_search = dataclasses.replace(beam_search, language_model=str(copy))
        self.listener = Listener(release_dir, beam_search)

    def _new_directory(self) -> Path:
        directory = tempfile.mkdtemp(prefix="w2v2-")
        weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
        return Path(directory)


class Meter:
    """Reports how far all workers of this machine are, as far as one of them can know.

    What is finished is seen by the files that are there; of what is under way, a worker knows its own batch.
    """

    def __init__(self, working_dir: str, utterances: Mapping[int, int], number: int, stage: str) -> None:
        self._working_dir, self._utterances, self._number, self._stage = working_dir, utterances, number, stage
        self._total = sum(utterances.values())
        self._reported = time.monotonic()

    def tell(self, share: float) -> None:
        """Takes the share of the batch that is done."""
        if places.is_remote(self._working_dir):
            # The workers of other machines have nobody to tell; the engine counts for them.
            return
        now = time.monotonic()
        if share < 1.0 and now - self._reported < _REPORT_SECONDS:
            return
        self._reported = now
        finished = finished_batches(self._working_dir) - {self._number}
        done = sum(self._utterances[number] for number in finished) + share * self._utterances[self._number]
        progress.report(int(done), self._total, "utterances", self._stage)
