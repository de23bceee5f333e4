"""The records of a manifest, from bytes to fields: one for each line, but in a CSV a quoted field may hold lines."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from beam_jobs.librispeech.manifest_fields import LineError
from beam_jobs.librispeech.manifest_lines import TAB, Header, fields_of, fields_of_cells, header_of, without_mark
from model.errors import DataError


class Record(NamedTuple):
    """What stands in a line of a manifest, or in several of a CSV.

    Attributes:
      number: Of its first line, from 1.
      fields: The known ones, by their names; none where it is broken.
      fault: What is broken, as a sentence that begins «In line 7, »; empty where nothing is.
    """

    number: int
    fields: dict[str, str]
    fault: str = ""


def read_records(lines: Iterable[bytes], where: str, max_characters: int, needs_text: bool) -> Iterator[Record]:
    """Yields a record for every line but the header and blank ones, in their order.

    Args:
      lines: As a file opened for bytes gives them.
      where: The path of the manifest, for messages.
      max_characters: Longer lines are refused.
      needs_text: Whether there must be a column of transcripts.

    Raises:
      DataError: the file as a whole is no manifest, or a quote in a CSV swallows lines.
    """
    numbered = enumerate(lines, start=1)
    for number, line in numbered:
        body = without_mark(line, where) if number == 1 else line
        if body.strip():
            break
    else:
        raise DataError(f"A manifest must hold a header and lines, or JSON lines, and {where} is empty; fill it.")
    header = header_of(body, where, max_characters, needs_text)
    if header is None:
        yield _of_line(number, body, None, max_characters)
    if header is not None and header.separator != TAB:
        yield from _of_csv(numbered, number, where, header, max_characters)
        return
    for number, line in numbered:
        if line.strip():
            yield _of_line(number, line, header, max_characters)


def _of_line(number: int, line: bytes, header: Header | None, max_characters: int) -> Record:
    try:
        return Record(number, fields_of(line, header, max_characters))
    except LineError as error:
        return Record(number, {}, f"In line {number}, {error}.")


def _of_csv(
    numbered: Iterator[tuple[int, bytes]], header_number: int, where: str, header: Header, max_characters: int
) -> Iterator[Record]:
    """Yields the records of a CSV, quoted as RFC 4180 says."""
    # A byte that is no UTF-8 is found again in the record that it stands in.
    texts = (line.decode("utf-8", errors="surrogateescape") for _, line in numbered)
    reader = csv.reader(texts, delimiter=header.separator, strict=True)
    while True:
        before = reader.line_num
        number = header_number + before + 1
        try:
            cells = next(reader, None)
            if cells is None:
                return
            if any(cell.strip() for cell in cells):
                yield Record(number, fields_of_cells(cells, header, max_characters))
        except LineError as error:
            yield Record(number, {}, f"In line {number}, {error}.")
        except csv.Error as error:
            if reader.line_num > before + 1:
                raise DataError(
                    f"A quoted field of a CSV must end with a quote, and one that begins in line {number} of {where}"
                    f" swallows {reader.line_num - before - 1} lines after it ({error}); close it, or double the quote."
                ) from error
            yield Record(number, {}, f"In line {number}, the CSV is broken: {error}.")
