"""Opens the metadata store of a workspace, and says what keeps it from being used."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model.errors import DataError, TryAgainError

# How ml_metadata says that another process has the file; it has tried for half a minute then.
_LOCKED = re.compile(r"concurrent writes aborted|database is locked", re.IGNORECASE)
_WAIT_SECONDS = 5.0


def open_store(path: Path, is_writing: bool = False) -> Any:
    """Returns ml_metadata's store for an SQLite file that is there.

    To be called within `said_if_unusable`.
    """
    from ml_metadata.metadata_store import metadata_store
    from ml_metadata.proto import metadata_store_pb2

    modes = metadata_store_pb2.SqliteMetadataSourceConfig
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = modes.READWRITE if is_writing else modes.READONLY
    return metadata_store.MetadataStore(config)


@contextlib.contextmanager
def said_if_unusable(path: Path) -> Iterator[None]:
    """Turns what ml_metadata raises into errors that say what is to be done.

    Raises:
      DataError: there is something else in the store's place.
      TryAgainError: another process has locked it.
    """
    from ml_metadata import errors

    try:
        yield
    except (errors.StatusError, RuntimeError) as error:
        # ml_metadata adds the whole statement to what SQLite says.
        said = str(error).removeprefix("Error when executing query: ").partition(" query:")[0]
        if _LOCKED.search(said):
            raise _locked(path) from error
        why = said.strip() if path.is_dir() or path.stat().st_size else "it is empty"
        raise DataError(
            f"The metadata store {path} must be a SQLite file that TFX wrote, and cannot be read ({why});"
            " move it and the folder pipelines beside it away, and run again: earlier runs are then forgotten, and"
            " releases stay."
        ) from error


def require_unlocked(path: Path, wait_seconds: float | None = None) -> None:
    """Refuses to begin where the store cannot be written to.

    Args:
      path: Of the store; what is no SQLite file is for `said_if_unusable` to tell of.
      wait_seconds: How long another process may take to end its work; None for a few seconds.

    Raises:
      TryAgainError: another process has locked it.
    """
    wait = _WAIT_SECONDS if wait_seconds is None else wait_seconds
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=wait)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
        except sqlite3.OperationalError as error:
            if _LOCKED.search(str(error)):
                raise _locked(path) from error
        except sqlite3.DatabaseError:
            pass


def _locked(path: Path) -> TryAgainError:
    return TryAgainError(
        f"The metadata store {path} must be free to be used, and another process has locked it; try again when that has"
        " ended."
    )
