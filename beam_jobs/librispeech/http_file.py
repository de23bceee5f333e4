"""Fetches one large file over HTTP, and goes on after a break, in this process or in a later one.

Written with the standard library: what is needed is one GET with `Range` and `If-Range` (RFC 9110 §13.1.5, §14), and
`requests` would be a dependency to declare for no more than that.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from model.errors import DataError, TryAgainError, UsageError
from model.storage import write_json
from model.version import __version__

_ATTEMPTS = 6
_LONGEST_PAUSE_SECONDS = 60.0
# A connection that brought this much before it broke is a good one: it does not count as a failure in a row.
_WORTHWHILE_BYTES = 16 << 20
_FIRST_BYTES = 1 << 10
_CHUNK_BYTES = 1 << 18
_TIMEOUT_SECONDS = 60.0
_RETRIED = (408, 425, 429)
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


class _BrokenError(Exception):
    """A break that may be gone at the next attempt."""

    def __init__(self, reason: str, pause_seconds: float = 0.0):
        super().__init__(reason)
        self.pause_seconds = pause_seconds


def fetch_file(
    url: str,
    part: Path,
    size_bytes: int,
    *,
    sleep: Callable[[float], object] = time.sleep,
    advanced: Callable[[int], None] = lambda _: None,
    begins_with: bytes = b"",
    timeout_seconds: float = _TIMEOUT_SECONDS,
) -> None:
    """Fetches a file of known size.

    What a broken attempt has left in `part` is kept, and the next one asks for the rest. A note beside it says which
    version of the file it is of: a file that was changed meanwhile is fetched anew. At another address the same size
    is enough, because whoever calls this checks a sum of the whole.

    Args:
      url: An http or https address.
      part: Gets the content; neither it nor its note is renamed or removed when it is whole.
      size_bytes: What it must have.
      sleep: Waits some seconds between attempts; it may raise in order to give up.
      advanced: Is told how many bytes there are, after each piece; it may raise in order to give up.
      begins_with: Its first bytes, by which the page of a server that apologises is known before it is kept.
      timeout_seconds: How long a silent connection is waited for.

    Raises:
      UsageError: the server does not have it, or refuses it.
      DataError: the server has another file.
      TryAgainError: the connection broke time and again.
    """
    failures = 0
    while True:
        before = _held(part)
        try:
            _attempt(url, part, size_bytes, advanced, begins_with, timeout_seconds)
        except _BrokenError as broken:
            held = _held(part)
            failures = 1 if held - before >= _WORTHWHILE_BYTES else failures + 1
            if failures == _ATTEMPTS:
                raise TryAgainError(
                    f"{url} could not be fetched, {failures} times in a row: {broken}; run again later, what has"
                    f" arrived ({held / 1e6:,.1f} of {size_bytes / 1e6:,.1f} MB) is kept."
                ) from broken
            sleep(min(_LONGEST_PAUSE_SECONDS, max(2.0 ** (failures - 1), broken.pause_seconds)))
        else:
            return


def note_file(part: Path) -> Path:
    """Returns the path of the note that says of which version of a file `part` is."""
    return part.with_name(part.name + ".json")


def _attempt(
    url: str, part: Path, size_bytes: int, advanced: Callable[[int], None], begins_with: bytes, timeout_seconds: float
) -> None:
    held = _held(part)
    note = _read_note(part)
    if held > size_bytes:
        part.unlink()
        held = 0
    if held == size_bytes:
        advanced(held)
        return
    headers = {"User-Agent": f"wav2vec2-tfx/{__version__}", "Accept-Encoding": "identity"}
    if held and note is not None:
        headers["Range"] = f"bytes={held}-"
        if note["url"] == url and note["validator"]:
            headers["If-Range"] = note["validator"]
    with _open(url, headers, part, timeout_seconds) as response:
        start, total = _extent(url, response)
        if total not in (None, size_bytes):
            raise DataError(
                f"{url} must have {size_bytes} bytes, as it was published, and has {total}; choose another mirror."
            )
        if start not in (0, held):
            part.unlink(missing_ok=True)
            raise _BrokenError(f"the server sent another part ({start}) than it was asked for ({held})")
        chunk = _read(response, _FIRST_BYTES)
        if not start and not chunk.startswith(begins_with[: len(chunk)]):
            raise DataError(
                f"{url} must begin as such a file does, with {begins_with!r}, and begins with {chunk[:16]!r}; choose"
                " another mirror."
            )
        # Before the first byte: a part without a note would be of an unknown version.
        write_json(note_file(part), {"url": url, "validator": _validator(response)})
        with open(part, "r+b" if start else "wb") as file:
            held = file.seek(start)
            while chunk:
                if held + len(chunk) > size_bytes:
                    raise DataError(
                        f"{url} must have {size_bytes} bytes, as it was published, and has more; choose another mirror."
                    )
                file.write(chunk)
                held += len(chunk)
                advanced(held)
                chunk = _read(response, _CHUNK_BYTES)
    if held < size_bytes:
        raise _BrokenError(f"the connection ended after {held} of {size_bytes} bytes")


def _open(url: str, headers: dict[str, str], part: Path, timeout_seconds: float) -> Any:
    """Returns an answer with content, or tells what may be retried from what may not."""
    try:
        # Only http and https come here: mirror_url has seen to that.
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout_seconds)  # noqa: S310
    except urllib.error.HTTPError as error:
        with error:
            status, retry_after = error.code, error.headers.get("Retry-After", "")
        if status == 416:
            part.unlink(missing_ok=True)
            raise _BrokenError("the server has less than was asked for") from error
        if status in _RETRIED or status >= 500:
            pause = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
            raise _BrokenError(f"the server answered {status} {error.reason}", pause) from error
        what = "does not have it" if status in (404, 410) else "refuses it"
        raise UsageError(
            f"{url} must be a file that can be downloaded, and the server {what} ({status} {error.reason}); check the"
            " address of the mirror."
        ) from error
    except http.client.InvalidURL as error:
        raise UsageError(f"{url!r} must be an address that can be asked for: {error}.") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise UsageError(
                f"The certificate of {url} must be one that this machine trusts: {error.reason.verify_message}; choose"
                " another mirror, or mend the certificates of this machine."
            ) from error
        raise _BrokenError(_one_line(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenError(_one_line(error)) from error


def _extent(url: str, response: Any) -> tuple[int, int | None]:
    """Returns where the content of an answer begins, and how large the whole file is, if the server says so."""
    if response.status == 206:
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        if not found:
            raise DataError(f"{url} was answered with a part that does not say which; choose another mirror.")
        return int(found[1]), None if found[3] == "*" else int(found[3])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isascii() and length.isdigit() else None


def _validator(response: Any) -> str:
    """Returns what `If-Range` takes: a strong entity tag, else the date, else nothing."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def _read(response: Any, most_bytes: int) -> bytes:
    # Apart from writing: a disk that fails must not be taken for a connection that breaks.
    try:
        return response.read(most_bytes)
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenError(_one_line(error)) from error


def _held(part: Path) -> int:
    try:
        return part.stat().st_size
    except FileNotFoundError:
        return 0


def _read_note(part: Path) -> dict[str, str] | None:
    try:
        note = json.loads(note_file(part).read_text(encoding="utf-8"))
        return {"url": str(note["url"]), "validator": str(note["validator"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _one_line(error: object) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
