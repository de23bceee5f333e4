"""The lines of a manifest: a table or JSON lines, from bytes to fields."""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from beam_jobs.librispeech.manifest_fields import LineError, shown
from model.errors import DataError

TAB = "\t"
# How deep Python itself reads depends on where it is called: a line would be good here, and broken in a worker.
_MAX_JSON_DEPTH = 100
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_LFS_POINTER = b"version https://git-lfs"
# By what other tools call them: Common Voice (path, sentence, client_id), NeMo (audio_filepath), Hugging Face.
_FIELDS: Mapping[str, str] = {
    synonym: field
    for field, synonyms in {
        "audio": "audio path file file_name filename audio_path audio_filepath wav",
        "text": "text transcript transcription sentence",
        "speaker": "speaker speaker_id client_id",
        "split": "split",
        "id": "id utterance_id",
        "gender": "gender sex",
        "offset": "offset",
    }.items()
    for synonym in synonyms.split()
}


def without_mark(line: bytes, where: str) -> bytes:
    """Returns the first line of a manifest without the mark that some editors write before UTF-8.

    Raises:
      DataError: the file is UTF-16, or a Git LFS pointer.
    """
    for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        if line.startswith(mark):
            raise DataError(f"A manifest must be UTF-8, and {where} is UTF-16; save it as UTF-8.")
    if line.startswith(_LFS_POINTER):
        raise DataError(f"{where} is a Git LFS pointer in place of a manifest; run `git lfs pull` where it came from.")
    return line.removeprefix(codecs.BOM_UTF8)


class Header(NamedTuple):
    """The first line of a table.

    Attributes:
      columns: The field of each column, `""` where it is none of ours.
      separator: What parts the columns: a tab, or a comma or a semicolon in a CSV.
    """

    columns: tuple[str, ...]
    separator: str


def header_of(line: bytes, where: str, max_characters: int, needs_text: bool = True) -> Header | None:
    """Returns what the first line names; None: it is JSON.

    Args:
      line: With its end.
      where: The path of the manifest, for messages.
      max_characters: A longer line is refused.
      needs_text: Whether there must be a column of transcripts.

    Raises:
      DataError: the line is neither a header nor the first of JSON lines.
    """
    start = line.lstrip()
    if start.startswith(b"[") or start.strip() == b"{":
        raise DataError(
            f"A manifest in JSON must have one object in each line, and {where} is one JSON document; write JSON lines."
        )
    if start.startswith(b"{"):
        return None
    try:
        return _header(_text(line, max_characters), ("audio", "text") if needs_text else ("audio",))
    except LineError as error:
        raise DataError(f"{where} must be a manifest, and its first line is none: it {error}.") from error


def fields_of(line: bytes, header: Header | None, max_characters: int) -> dict[str, str]:
    """Returns the known fields of a line of JSON or of a table with tabs, by their names.

    Args:
      line: With its end.
      header: As `header_of` gives it.
      max_characters: A longer line is refused.

    Raises:
      LineError: it is broken.
    """
    text = _text(line, max_characters)
    if header is None:
        return _fields_of_json(text)
    return _fields(list(map(_unquoted, text.split(TAB))), header)


def fields_of_cells(cells: list[str], header: Header, max_characters: int) -> dict[str, str]:
    """Returns the known fields of a record of a CSV, by their names.

    Args:
      cells: What the CSV has in its columns; bytes that are no UTF-8 as half characters.
      header: As `header_of` gives it.
      max_characters: A longer record is refused.

    Raises:
      LineError: it is broken.
    """
    size = sum(map(len, cells))
    if size > max_characters:
        raise LineError(f"there must be {max_characters} characters at most, and there are {size}")
    for cell in cells:
        if bad := next((c for c in cell if "\udc80" <= c <= "\udcff"), ""):
            raise LineError(
                f"the text must be UTF-8, and has the byte 0x{ord(bad) - 0xDC00:02x} (as Latin-1 may have); save it as"
                " UTF-8"
            )
    return _fields([cell.strip() for cell in cells], header)


def _fields(cells: list[str], header: Header) -> dict[str, str]:
    if len(cells) != len(header.columns):
        raise LineError(f"there must be {len(header.columns)} columns, as in the header, and there are {len(cells)}")
    return {column: cell for column, cell in zip(header.columns, cells, strict=True) if column}


def _fields_of_json(text: str) -> dict[str, str]:
    """Returns the known fields of a line of JSON.

    Raises:
      LineError: it is no JSON object, or a field stands twice or is no string.
    """

    def once(pairs: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        return pairs

    if _depth(text) > _MAX_JSON_DEPTH:
        raise LineError(f"the JSON is broken: it is more than {_MAX_JSON_DEPTH} lists and objects deep")
    try:
        pairs = json.loads(text, object_pairs_hook=once)
    except ValueError as error:
        raise LineError(f"the JSON is broken: {getattr(error, 'msg', None) or error}") from error
    if not text.lstrip().startswith("{"):
        raise LineError("there must be a JSON object, {…}, and there is something else")
    found: dict[str, str] = {}
    for key, value in pairs:
        field = _FIELDS.get(key.strip().lower())
        if field is None or value is None:
            continue
        if field in found:
            raise LineError(f"{field} stands twice, the second time as {shown(key)}")
        if field in ("speaker", "id", "offset") and type(value) in (int, float):
            found[field] = str(value)
        elif isinstance(value, str):
            found[field] = value.strip()
        else:
            raise LineError(f"the field {shown(key)} must be a string, and is {shown(json.dumps(value))}")
    return found


def _depth(text: str) -> int:
    """Returns how many lists and objects are open at once, at most."""
    if text.count("[") + text.count("{") <= _MAX_JSON_DEPTH:
        return 1
    depth = deepest = 0
    for character in _JSON_STRING.sub("", text):
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    return deepest


def _header(line: str, needed: tuple[str, ...]) -> Header:
    """Returns the columns of a header, parted by the sign that gives the most columns that are known.

    Raises:
      LineError: the header is none; the text ends the sentence «Its first line …».
    """
    best, names = Header((), TAB), [""]
    for separator in (TAB, ",", ";"):
        cells = [cell.lower() for cell in _cells_of_header(line, separator)]
        columns = tuple(_FIELDS.get(cell, "") for cell in cells)
        if sum(map(bool, columns)) > sum(map(bool, best.columns)):
            best, names = Header(columns, separator), cells
    columns = best.columns
    for field in sorted(set(columns) - {""}):
        if columns.count(field) > 1:
            twice = " and ".join(name for name, column in zip(names, columns, strict=True) if column == field)
            raise LineError(f"names {field} more than once ({twice}); keep one of these columns")
    missing = " and ".join(field for field in needed if field not in columns)
    if missing:
        raise LineError(
            f"must name the columns, {' and '.join(needed)} at least, and names no {missing}: {shown(line)}; add the"
            " header, or rename its columns"
        )
    return best


def _cells_of_header(line: str, separator: str) -> list[str]:
    if separator == TAB:
        return list(map(_unquoted, line.split(TAB)))
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, strict=True), [])]
    except csv.Error:
        return []


def _unquoted(cell: str) -> str:
    """Returns a cell without the blanks around it and the quotes that spreadsheets write."""
    cell = cell.strip()
    if len(cell) >= 2 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"').strip()
    return cell


def _text(line: bytes, max_characters: int) -> str:
    body = line.rstrip(b"\r\n")
    # Up to four bytes make a character: what is longer need not be looked at.
    if len(body) <= 4 * max_characters:
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise LineError(
                f"the text must be UTF-8, and has the byte 0x{body[error.start]:02x} at place {error.start + 1} (as"
                " Latin-1 may have); save it as UTF-8"
            ) from error
        if len(text) <= max_characters:
            return text
    raise LineError(f"there must be {max_characters} characters at most, and there are {len(body)} bytes")
