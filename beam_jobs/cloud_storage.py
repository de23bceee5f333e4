"""Objects of Google Cloud Storage, by their addresses `gs://<bucket>/<name>`: the few things that jobs do with them.

Google's own client library signs in, retries what may be retried and checks what it has transferred. An object appears
when all of it has arrived, and not before. Where STORAGE_EMULATOR_HOST names an emulator, that is spoken to.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import errno
import functools
import io
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar, cast

from model import progress
from model.errors import DataError, TryAgainError, UsageError

SCHEME = "gs://"
# For so long is tried again what may be gone a moment later: no answer, too many requests.
RETRY_SECONDS = 120.0
# The client library keeps ten connections. An object of 200 KB takes some 50 ms to come and 3 to be decoded.
AT_ONCE = 8

_NO_BUCKET = "The specified bucket does not exist"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
# Of one read of a stream; an archive is read from its beginning to its end.
_READ_BYTES = 8 << 20
_REPORTED_EVERY = 100
# No answer in time, too many requests.
_MAY_PASS = (408, 429)
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class StoredObject(NamedTuple):
    """An object in a listing.

    Attributes:
      name: Below what was listed, with forward slashes.
      size_bytes: How long it is.
      modified_ns: When it was written, since 1970.
      generation: Another one for each content.
      md5: Of its content, in Base64; empty where the service does not tell it, as of composed objects.
    """

    name: str
    size_bytes: int
    modified_ns: int
    generation: str
    md5: str = ""


def split_address(address: str) -> tuple[str, str]:
    """Returns the bucket and the name of an address.

    Raises:
      UsageError: it names no bucket.
    """
    bucket, _, name = address.removeprefix(SCHEME).partition("/")
    if not address.startswith(SCHEME) or not bucket:
        raise UsageError(f"An address in Cloud Storage must be gs://<bucket>/<name>, not {address!r}; correct it.")
    if not _BUCKET.fullmatch(bucket):
        raise UsageError(
            "A bucket's name has 3 to 222 small letters, digits, '.', '_' and '-', and begins and ends with a letter or"
            f" a digit; that of {address!r} has not; correct it."
        )
    return bucket, name.strip("/")


def list_objects(address: str) -> list[StoredObject]:
    """Returns all objects below an address, as below a directory, sorted by name; one request for each thousand."""
    bucket, name = split_address(address)
    prefix = f"{name}/" if name else ""
    with _said(address, is_listing=True):
        found = _client().list_blobs(bucket, prefix=prefix, retry=_retry())
        objects = [_described(blob, len(prefix)) for blob in found]
    # A name that ends in a slash is a directory that a browser has made.
    return sorted(one for one in objects if one.name and not one.name.endswith("/"))


def list_names(address: str) -> list[str]:
    """Returns the names of the objects directly below an address, as of the files in a directory."""
    bucket, name = split_address(address)
    prefix = f"{name}/" if name else ""
    with _said(address, is_listing=True):
        found = _client().list_blobs(bucket, prefix=prefix, delimiter="/", retry=_retry())
        return sorted(blob.name[len(prefix) :] for blob in found if blob.name != prefix)


def describe(address: str) -> StoredObject | None:
    """Returns what is known of an object; None where there is none."""
    bucket, name = split_address(address)
    if not name:
        return None
    with _said(address):
        blob = _client().bucket(bucket).get_blob(name, retry=_retry())
    return None if blob is None else _described(blob, 0)


def holds_objects(address: str) -> bool:
    """Tells whether there is an object below an address, as a directory with a file in it."""
    bucket, name = split_address(address)
    prefix = f"{name}/" if name else ""
    with _said(address, is_listing=True):
        # The first may be the directory itself, which a browser has made.
        found = _client().list_blobs(bucket, prefix=prefix, max_results=2, retry=_retry())
        return any(blob.name != prefix for blob in found)


def read_bytes(address: str, max_bytes: int | None = None) -> bytes:
    """Returns the content of an object.

    Args:
      address: Of the object.
      max_bytes: Of a longer one no more is fetched than this. None: no limit.

    Raises:
      FileNotFoundError: there is none.
      TooLargeError: it is longer.
    """
    bucket, name = split_address(address)
    with _said(address):
        buffer = _Bounded(address, max_bytes)
        _client().bucket(bucket).blob(name).download_to_file(buffer, retry=_retry())
    return buffer.getvalue()


class TooLargeError(DataError):
    """An object is longer than what is read of it. Exit code 3."""


class _Bounded(io.BytesIO):
    """A buffer that takes so many bytes and no more."""

    def __init__(self, address: str, max_bytes: int | None) -> None:
        super().__init__()
        self._address = address
        self._max_bytes = max_bytes

    def write(self, piece: Any, /) -> int:
        if self._max_bytes is not None and self.tell() + len(piece) > self._max_bytes:
            raise TooLargeError(f"{self._address} must have {self._max_bytes} bytes at most, and has more.")
        return super().write(piece)


def open_stream(address: str) -> BinaryIO:
    """Opens an object for reading from its beginning to its end; its errors are OSErrors."""
    bucket, name = split_address(address)
    reader = _client().bucket(bucket).blob(name).open("rb", chunk_size=_READ_BYTES, retry=_retry())
    return cast("BinaryIO", _Stream(reader, address))


def write_bytes(address: str, content: bytes) -> None:
    """Writes an object, all of it or nothing."""
    bucket, name = split_address(address)
    with _said(address):
        _client().bucket(bucket).blob(name).upload_from_string(
            content, content_type=_content_type(name), retry=_retry()
        )


def create_bytes(address: str, content: bytes) -> None:
    """Writes an object where there is none yet; of several who do so at once, one succeeds.

    Raises:
      FileExistsError: there is one already. After an answer that was lost, it may be the one that was written here.
    """
    from google.api_core.exceptions import PreconditionFailed

    bucket, name = split_address(address)
    with _said(address):
        try:
            _client().bucket(bucket).blob(name).upload_from_string(
                content, content_type=_content_type(name), if_generation_match=0, retry=_retry()
            )
        except PreconditionFailed as error:
            raise FileExistsError(errno.EEXIST, "there is an object already", address) from error


def upload(path: Path, address: str) -> None:
    """Writes an object with the content of a file of this machine, all of it or nothing."""
    bucket, name = split_address(address)
    with _said(address):
        _client().bucket(bucket).blob(name).upload_from_filename(
            str(path), content_type=_content_type(name), retry=_retry()
        )


def each(work: Callable[[_Item], _Result], items: Sequence[_Item], what: str = "") -> list[_Result]:
    """Does some work for each item, `AT_ONCE` at the same time; after a failure none is begun any more.

    Args:
      work: Is called in several threads.
      items: What it is called with.
      what: The word for what is done, where progress is to be reported, such as `uploaded`.

    Returns:
      What the work has returned, in the order of the items.
    """
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            for number, future in enumerate(concurrent.futures.as_completed(futures), start=1):
                future.result()
                if what and (number % _REPORTED_EVERY == 0 or number == len(futures)):
                    progress.report(number, len(futures), "files", what)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return [future.result() for future in futures]


def download(address: str, path: Path) -> None:
    """Writes a file of this machine with the content of an object.

    Raises:
      FileNotFoundError: there is none.
    """
    bucket, name = split_address(address)
    with _said(address), path.open("wb") as file:
        _client().bucket(bucket).blob(name).download_to_file(file, retry=_retry())


@contextlib.contextmanager
def opened(address: str, ahead_bytes: int = 0) -> Iterator[Callable[[int, int], bytes]]:
    """Gives a function that reads bytes of an object from an offset on, as many as there are of those asked for.

    Args:
      address: Of the object.
      ahead_bytes: So many are fetched with one request at least, for whoever reads one piece behind the other.

    Raises:
      FileNotFoundError: there is none.
    """
    held, begin = b"", 0

    def read(offset: int, size: int) -> bytes:
        nonlocal held, begin
        if size and not begin <= offset <= offset + size <= begin + len(held):
            held, begin = _read_range(address, offset, max(size, ahead_bytes)), offset
        return held[offset - begin : offset - begin + size]

    yield read


def _read_range(address: str, offset: int, size: int) -> bytes:
    from google.api_core.exceptions import RequestRangeNotSatisfiable

    bucket, name = split_address(address)
    with _said(address):
        try:
            blob = _client().bucket(bucket).blob(name)
            return blob.download_as_bytes(start=offset, end=offset + size - 1, retry=_retry())
        except RequestRangeNotSatisfiable:
            # It ends before the offset.
            return b""


def upload_tree(directory: Path, address: str) -> None:
    """Writes an object for each file below a directory; hidden files are left out.

    Args:
      directory: Of this machine.
      address: Names of objects are those of the files, below it.
    """
    files = [path.relative_to(directory) for path in sorted(directory.rglob("*")) if path.is_file()]
    visible = [file for file in files if not file.name.startswith(".")]
    each(lambda file: upload(directory / file, f"{address}/{file.as_posix()}"), visible, "uploaded")


def copy(source: str, target: str) -> None:
    """Copies an object within Cloud Storage: its bytes do not pass through this machine."""
    from_bucket, from_name = split_address(source)
    to_bucket, to_name = split_address(target)
    with _said(source):
        blob = _client().bucket(from_bucket).blob(from_name)
        new = _client().bucket(to_bucket).blob(to_name)
        token, _, _ = new.rewrite(blob, retry=_retry())
        while token is not None:
            token, _, _ = new.rewrite(blob, token=token, retry=_retry())


def delete(addresses: Iterable[str]) -> None:
    """Deletes objects; those that are gone already are passed over."""
    from google.api_core.exceptions import NotFound

    def delete_one(address: str) -> None:
        bucket, name = split_address(address)
        with _said(address), contextlib.suppress(NotFound):
            _client().bucket(bucket).blob(name).delete(retry=_retry())

    each(delete_one, list(addresses))


class _Stream:
    """An object that is being read; what goes wrong is an OSError, as of a file."""

    def __init__(self, reader: Any, address: str) -> None:
        self._reader = reader
        self.name = address

    def read(self, size: int = -1, /) -> bytes:
        try:
            with _said(self.name):
                return self._reader.read(size)
        except TryAgainError as error:
            raise OSError(str(error)) from error

    def close(self) -> None:
        self._reader.close()

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def _said(address: str, is_listing: bool = False) -> Iterator[None]:
    """Turns what the client library raises into errors that say what is to be done; a list misses its bucket alone."""
    import requests
    from google.api_core import exceptions
    from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
    from google.resumable_media import DataCorruption

    try:
        yield
    except exceptions.NotFound as error:
        if is_listing or _NO_BUCKET in str(error):
            raise UsageError(f"There is no bucket for {address}; name one that exists.") from error
        raise FileNotFoundError(f"There is no object {address}.") from error
    except (exceptions.Forbidden, exceptions.Unauthorized) as error:
        raise DataError(
            f"Whoever runs this must be allowed to use {address}, and is not; give the account the role Storage Object"
            " User on the bucket, or sign in as another."
        ) from error
    except DefaultCredentialsError as error:
        raise UsageError(
            f"To use {address} you must be signed in to Google Cloud, and are not; run `gcloud auth"
            " application-default login`, or let GOOGLE_APPLICATION_CREDENTIALS name a key."
        ) from error
    except exceptions.ClientError as error:
        reason = " ".join(str(error).split())[:200]
        if error.code in _MAY_PASS:
            raise TryAgainError(f"Cloud Storage did not answer for {address} ({reason}); run again later.") from error
        raise DataError(f"Cloud Storage must take the request for {address}, and refused it ({reason}).") from error
    except (
        exceptions.GoogleAPICallError,
        exceptions.RetryError,
        GoogleAuthError,
        requests.RequestException,
        # What has arrived is not what was sent.
        DataCorruption,
    ) as error:
        reason = " ".join(str(error).split())[:200]
        raise TryAgainError(f"Cloud Storage did not answer for {address} ({reason}); run again later.") from error


def _described(blob: Any, prefix_characters: int) -> StoredObject:
    modified = blob.updated or blob.time_created
    # In whole microseconds, which is what the service tells.
    modified_ns = round(modified.timestamp() * 1e6) * 1000 if modified else 0
    return StoredObject(
        blob.name[prefix_characters:], blob.size or 0, modified_ns, str(blob.generation), blob.md5_hash or ""
    )


def _content_type(name: str) -> str:
    if name.endswith(".html"):
        return "text/html; charset=utf-8"
    return "application/json" if name.endswith((".json", ".jsonl")) else "application/octet-stream"


def _retry() -> Any:
    """Returns how to try again; to write the same bytes to the same name again does no harm."""
    from google.cloud.storage.retry import DEFAULT_RETRY

    return DEFAULT_RETRY.with_timeout(RETRY_SECONDS)


def _client() -> Any:
    """Returns the client of this process; a forked worker gets one of its own."""
    return _client_of(os.getpid(), os.environ.get("STORAGE_EMULATOR_HOST", ""))


_MAKING = threading.Lock()


def _client_of(process: int, emulator: str) -> Any:
    with _MAKING:
        return _make_client(process, emulator)


@functools.lru_cache(maxsize=2)
def _make_client(process: int, emulator: str) -> Any:
    del process, emulator
    import google.auth.exceptions
    from google.cloud import storage

    try:
        # Objects are named with their bucket, so that no project is needed.
        return storage.Client(project=None)
    except google.auth.exceptions.DefaultCredentialsError as error:
        raise UsageError(
            "To use gs:// addresses you must be signed in to Google Cloud, and are not; run `gcloud auth"
            " application-default login`, or let GOOGLE_APPLICATION_CREDENTIALS name a key."
        ) from error
