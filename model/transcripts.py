r"""Files of transcripts: what was said, or what a system heard, one line for each utterance.

    speech.tsv         a header with `id` and `text`, which may have `speaker`, `gender`, `subset` and `seconds` beside
                       them; or no header, and two fields: 1089-134686-0000<TAB>HE HOPED THERE WOULD BE STEW
    speech.trans.txt   LibriSpeech's: 1089-134686-0000 HE HOPED THERE WOULD BE STEW
    speech.trn         sclite's: HE HOPED THERE WOULD BE STEW (1089-134686-0000)

The name decides the form. Files are UTF-8; blank lines are passed over, and in `.trn` comments (`;;`). An empty text is
one in which nothing was said, or heard. The order of the lines does not matter.
"""

from __future__ import annotations

import dataclasses
import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

from model.errors import DataError, UsageError
from model.metrics.transcript import Transcript

ID_COLUMNS = ("id", "utterance_id")
TEXT_COLUMNS = ("text", "transcript", "reference", "hypothesis")
OPTIONAL_COLUMNS = ("speaker", "gender", "subset", "seconds")

_TRN = re.compile(r"(.*)\(([^()]*)\)")
_BRACES = re.compile(r"[{}]")
# LibriSpeech names its utterances speaker-chapter-number.
_LIBRISPEECH_ID = re.compile(r"([0-9]+)-[0-9]+-[0-9]+")
_SHOWN_CHARACTERS = 60


@dataclasses.dataclass(frozen=True)
class TranscriptFile:
    """A file of transcripts, read.

    Attributes:
      path: Where it is.
      transcripts: By id, in the order of the lines.
      ignored_columns: What a header names beside the columns that are known.
    """

    path: Path
    transcripts: dict[str, Transcript]
    ignored_columns: tuple[str, ...] = ()

    @property
    def texts(self) -> dict[str, str]:
        """The text of each utterance, by id."""
        return {name: one.text for name, one in self.transcripts.items()}


def read_transcripts(path: str | Path) -> TranscriptFile:
    """Reads a file of transcripts.

    Raises:
      UsageError: there is no such file.
      DataError: it is of no known form, no UTF-8 text, empty, or a line is not what its form asks for.
    """
    place = Path(path)
    if not place.is_file():
        raise UsageError(f"A file of transcripts must be a file that exists, and {place} is none; name another.")
    name = place.name.lower()
    read: Callable[[Path, list[tuple[int, str]]], TranscriptFile]
    if name.endswith(".tsv"):
        read = _read_tsv
    elif name.endswith(".trans.txt"):
        read = _read_librispeech
    elif name.endswith(".trn"):
        read = _read_trn
    else:
        raise DataError(
            f"A file of transcripts must be a .tsv, LibriSpeech's .trans.txt or sclite's .trn, and {place} is none by"
            " its name; rename it, or write one of these."
        )
    found = read(place, list(_lines(place)))
    if not found.transcripts:
        raise DataError(f"A file of transcripts must have a line, and {place} has none; give the whole file.")
    return found


def speakers_by_id(file: TranscriptFile) -> dict[str, str] | None:
    """Returns who spoke, by utterance, from ids like LibriSpeech's; None where one is not like them."""
    found = {name: _LIBRISPEECH_ID.fullmatch(name) for name in file.transcripts}
    speakers = {name: match[1] for name, match in found.items() if match is not None}
    return speakers if len(speakers) == len(found) else None


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yields number and text of every line that is not blank."""
    for number, raw in enumerate(path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            line = raw.decode("utf-8").removesuffix("\r")
        except UnicodeDecodeError as error:
            raise DataError(
                f"Transcripts must be UTF-8 text, and line {number} of {path} holds the byte"
                f" 0x{raw[error.start]:02x} where none can be; save it as UTF-8."
            ) from None
        if line.strip():
            yield number, line


def _read_librispeech(path: Path, lines: list[tuple[int, str]]) -> TranscriptFile:
    collected = _Collected(path)
    for number, line in lines:
        if line[0].isspace():
            raise _without_id(path, number, line, "the id first, then a space and the text")
        name, *text = line.split(maxsplit=1)
        collected.add(number, Transcript(name, "".join(text).strip()))
    return TranscriptFile(path, collected.transcripts)


def _read_trn(path: Path, lines: list[tuple[int, str]]) -> TranscriptFile:
    collected = _Collected(path)
    for number, line in lines:
        if line.startswith(";;"):
            continue
        found = _TRN.fullmatch(line.strip())
        if found is None or not found[2].strip():
            raise _without_id(path, number, line, "the text first, then the id in round brackets")
        text = found[1].strip()
        if _BRACES.search(text):
            raise DataError(
                f"Texts must be plain, and line {number} of {path} has alternatives in braces, which are not scored:"
                f" {_shortened(text)!r}; write one of them."
            )
        collected.add(number, Transcript(found[2].strip(), text))
    return TranscriptFile(path, collected.transcripts)


def _read_tsv(path: Path, lines: list[tuple[int, str]]) -> TranscriptFile:
    header = [name.strip().lower() for name in lines[0][1].split("\t")] if lines else []
    if set(header) & set(ID_COLUMNS):
        return _read_table(path, lines[0][0], header, lines[1:])
    collected = _Collected(path)
    for number, line in lines:
        name, *rest = line.split("\t")
        if not name.strip():
            raise _without_id(path, number, line, "the id first, then a tab and the text")
        if len(rest) > 1 or (not rest and " " in name.strip()):
            raise DataError(
                f"A line of a TSV without a header must be an id, a tab and a text, and line {number} of {path} has"
                f" {len(rest)} tabs: {_shortened(line)!r}; part them by one tab, or begin with a header that names id"
                " and text."
            )
        collected.add(number, Transcript(name.strip(), rest[0].strip() if rest else ""))
    return TranscriptFile(path, collected.transcripts)


def _read_table(path: Path, first: int, header: list[str], lines: list[tuple[int, str]]) -> TranscriptFile:
    id_column = _column(path, first, header, ID_COLUMNS)
    text_column = _column(path, first, header, TEXT_COLUMNS)
    optional = {name: _column(path, first, header, (name,)) for name in OPTIONAL_COLUMNS if name in header}
    known = {id_column, text_column, *optional.values()}
    collected = _Collected(path)
    for number, line in lines:
        fields = [field.strip() for field in line.split("\t")]
        # Editors cut off what is empty at the end of a line.
        fields += [""] * (len(header) - len(fields))
        if len(fields) > len(header):
            raise DataError(
                f"A line must have the {len(header)} fields of the header, and line {number} of {path} has"
                f" {len(fields)}: {_shortened(line)!r}; write no tab within a field."
            )
        if not fields[id_column]:
            raise _without_id(path, number, line, f"an id in the column {header[id_column]!r}")
        values = {name: fields[column] or None for name, column in optional.items() if name != "seconds"}
        seconds = _seconds(path, number, fields[optional["seconds"]]) if "seconds" in optional else None
        collected.add(number, Transcript(fields[id_column], fields[text_column], **values, seconds=seconds))
    _require_all_or_none(path, collected.transcripts)
    ignored = tuple(name for column, name in enumerate(header) if column not in known)
    return TranscriptFile(path, collected.transcripts, ignored)


def _column(path: Path, line: int, header: list[str], names: tuple[str, ...]) -> int:
    found = [column for column, name in enumerate(header) if name in names]
    if len(found) != 1:
        raise DataError(
            f"A header must name one column {' or '.join(names)}, and line {line} of {path} names {len(found)}:"
            f" {', '.join(header)}; name it once."
        )
    return found[0]


def _seconds(path: Path, number: int, text: str) -> float | None:
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise DataError(
            f"seconds must be a number above 0, and in line {number} of {path} it is {_shortened(text)!r}; write the"
            " length in seconds, or nothing."
        )
    return seconds


def _require_all_or_none(path: Path, transcripts: dict[str, Transcript]) -> None:
    """Whoever is drawn by the bootstrap must be known for all, else speakers would be drawn beside utterances."""
    without = [name for name, one in transcripts.items() if one.speaker is None]
    if 0 < len(without) < len(transcripts):
        raise DataError(
            f"A column speaker must be filled in every line, and in {path} {len(without)} of {len(transcripts)} have"
            f" none, {without[0]} for one; fill it, or leave the column out."
        )


def _without_id(path: Path, number: int, line: str, rule: str) -> DataError:
    return DataError(
        f"A line must have {rule}, and line {number} of {path} has no id: {_shortened(line)!r}; add it, or remove the"
        " line."
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


class _Collected:
    """Transcripts by id, each once."""

    def __init__(self, path: Path) -> None:
        self.transcripts: dict[str, Transcript] = {}
        self._lines: dict[str, int] = {}
        self._path = path

    def add(self, number: int, transcript: Transcript) -> None:
        name = transcript.utterance_id
        if any(unicodedata.category(character) == "Cc" for character in name):
            raise DataError(
                f"An id must have no control characters, and line {number} of {self._path} has {_shortened(name)!r};"
                " write another."
            )
        if name in self._lines:
            raise DataError(
                f"An id must occur once in a file, and {name} is in lines {self._lines[name]} and {number} of"
                f" {self._path}; leave one out."
            )
        self._lines[name] = number
        self.transcripts[name] = transcript
