"""Artifacts in Cloud Storage as files of this machine, for what knows files alone.

On one machine the URI of an artifact is a directory, and is used as it is; on Vertex AI it is an address, `gs://…`.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

from beam_jobs import cloud_storage, places
from model.errors import DiskFullError, UsageError, W2v2Error

STAGING_CODE = ("components.staging", "beam_jobs.places", "beam_jobs.cloud_storage")
"""Modules whose code is part of the fingerprint of each component that stages, but the Trainer: a change there must not
let a training of days begin anew."""

_LOG = logging.getLogger(__name__)


class Stage:
    """Gives the files of artifacts; made by `staged`.

    Args:
      resources: Closed at the end; holds the temporary directories.
    """

    def __init__(self, resources: contextlib.ExitStack) -> None:
        self._resources = resources
        self._inputs: dict[str, Path] = {}
        self._copied: set[tuple[str, str]] = set()
        self._outputs: dict[str, Path] = {}

    def input(self, uri: str, *parts: str) -> Path:
        """Returns a directory to read from: that of the artifact, or a copy of it.

        Args:
          uri: Of an artifact.
          *parts: The files and directories below it that are copied; none for all of it. What is copied already is not
            copied again. A part that is not there is left out: whoever reads it misses it, as in a directory.

        Raises:
          DataError, UsageError, TryAgainError: Cloud Storage does not give it.
          DiskFullError: there is no room for it.
        """
        if not places.is_remote(uri):
            return Path(uri)
        if uri not in self._inputs:
            self._inputs[uri] = self._new_directory(uri)
        for part in parts or ("",):
            if not {(uri, part), (uri, "")} & self._copied:
                _fetch(places.join(uri, part) if part else uri, self._inputs[uri] / part)
                self._copied.add((uri, part))
        return self._inputs[uri]

    def output(self, uri: str) -> Path:
        """Returns a directory to write to: that of the artifact, or an empty one that is copied there at the end.

        What a first try of the same task has left at an address is removed.

        Raises:
          DataError, UsageError, TryAgainError: Cloud Storage does not let it be removed.
        """
        if not places.is_remote(uri):
            return Path(uri)
        if uri not in self._outputs:
            if not cloud_storage.split_address(uri)[1]:
                raise UsageError(f"An artifact must lie below a bucket, and not be the bucket {uri} itself.")
            places.remove_tree(uri)
            self._outputs[uri] = self._new_directory(uri)
        return self._outputs[uri]

    def uri_of(self, path: Path | str) -> str:
        """Returns where that lies which a directory of `input` or `output` stands for."""
        uri_by_path = {str(copy): uri for uri, copy in self._copies()}
        return uri_by_path.get(str(path), str(path))

    def named(self, text: str) -> str:
        """Returns a text in which copies, which are gone soon, are called what they are copies of."""
        for uri, copy in self._copies():
            text = text.replace(str(copy), uri)
        return text

    def finish(self) -> None:
        """Copies the outputs to where they belong; where one cannot be, none is left there."""
        try:
            for uri, directory in self._outputs.items():
                places.copy_tree(str(directory), uri)
        except BaseException:
            for uri in self._outputs:
                try:
                    places.remove_tree(uri)
                except W2v2Error as error:
                    _LOG.warning("What was written to %s could not be removed: %s", uri, error)
            raise

    def _copies(self) -> list[tuple[str, Path]]:
        return [*self._inputs.items(), *self._outputs.items()]

    def _new_directory(self, uri: str) -> Path:
        root = self._resources.enter_context(tempfile.TemporaryDirectory(prefix="w2v2-artifact-"))
        # Whoever is given it may name it after its real path.
        directory = Path(root).resolve() / places.name_of(uri)
        directory.mkdir()
        return directory


@contextlib.contextmanager
def staged() -> Iterator[Stage]:
    """Gives the files of artifacts, wherever these lie; of what lies on this machine nothing is copied.

    Outputs are copied to their addresses when the block ends without an error, and otherwise not at all; where they are
    asked for first, nothing of an earlier try is left in either case. Errors of ours name the addresses, not copies.

    Example:
      >>> with staged() as stage:
      ...     output = stage.output(artifact.uri)
      ...     model = load_model(stage.input(other.uri, "model_directory") / "model_directory")
      ...     write_json(output / "report.json", report_of(model))
    """
    with contextlib.ExitStack() as resources:
        stage = Stage(resources)
        try:
            yield stage
        except DiskFullError:
            # It is this machine's disk that is full.
            raise
        except W2v2Error as error:
            if (told := stage.named(str(error))) == str(error):
                raise
            raise type(error)(told) from error
        stage.finish()


def _fetch(place: str, path: Path) -> None:
    if places.is_file(place):
        places.copy_file(place, str(path))
    else:
        places.copy_tree(place, str(path))
