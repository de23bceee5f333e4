"""Finds the recordings of a folder, and what is said in them: a table, texts beside them, or a known layout."""

from __future__ import annotations

import csv
import dataclasses
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from beam_jobs.librispeech.corpus import SOUND_SUFFIXES, TRANSCRIPTS_SUFFIX, inspect_corpus
from beam_jobs.librispeech.manifest import (
    MANIFEST_SUFFIXES,
    NAMED_MANIFEST_SUFFIXES,
    ManifestEntry,
    ManifestSettings,
    location,
    parse_manifest,
)
from beam_jobs.librispeech.manifest_fields import OWN_SPEAKER, split_name
from beam_jobs.librispeech.manifest_records import read_records
from beam_jobs.librispeech.references import Reference, read_references
from beam_jobs.librispeech.settings import IngestSettings
from beam_jobs.places import is_remote, list_tree, printable
from model.errors import DataError, UsageError
from pipeline.own_data.written_manifest import columns_of, is_written_by_init

_SPLIT_STEMS = {"train", "training", "dev", "val", "valid", "validation", "test"}
_COMMON_VOICE = ("validated.tsv", "clips")
# What is looked at to find out where relative paths begin, and which column of a table without a header is which.
_TRIED = 50
_DELIMITERS = ("\t", ",", ";", "|")

Layout = Literal["table", "tables", "table without a header", "text files", "Common Voice", "LibriSpeech"]


@dataclasses.dataclass(frozen=True)
class Utterance:
    """A recording, as somebody has written it down.

    Attributes:
      audio: The absolute path of its file.
      text: What is said, as it stands there.
      speaker: Who speaks; empty where nobody says.
      split: Where it belongs; empty where nobody says.
      gender: `F`, `M`, or empty.
    """

    audio: str
    text: str
    speaker: str = ""
    split: str = ""
    gender: str = ""


@dataclasses.dataclass(frozen=True)
class Fault:
    """A line or a file that gives no recording, and why, as a sentence."""

    what: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Transcripts:
    """What was found.

    Attributes:
      layout: How the recordings and their texts lie.
      source: What ingest can read as it is, a table or a directory; None where a manifest must be written first.
      folder: The folder that was looked at.
      named: The tables, or how many text files, as a person would call them.
      utterances: The recordings.
      faults: What gives none.
      audio_directory: Where relative paths of the table begin, below its own directory.
      unwritten: Files of sound that nobody has written down.
    """

    layout: Layout
    source: str | None
    folder: Path
    named: str
    utterances: tuple[Utterance, ...]
    faults: tuple[Fault, ...] = ()
    audio_directory: str = ""
    unwritten: tuple[str, ...] = ()


def find_transcripts(place: str) -> Transcripts:
    """Finds recordings with their texts.

    Args:
      place: A folder, or a table. Of a folder, a manifest that an earlier `w2v2 init` has written is passed over.

    Raises:
      UsageError: there is no such place, or several tables are in it and nobody says which.
      DataError: nothing is found, or a table cannot be read.
    """
    if is_remote(place) or "://" in place:
        raise UsageError(f"w2v2 init looks at files of this machine, not at {place!r}; copy some of them here.")
    return _find(Path(os.path.abspath(Path(place).expanduser())))  # noqa: PTH100 — links stay as named


def _find(place: Path) -> Transcripts:
    if place.is_file():
        if not place.name.lower().endswith(NAMED_MANIFEST_SUFFIXES):
            raise UsageError(
                f"w2v2 init takes a folder, or a table of transcripts ({', '.join(MANIFEST_SUFFIXES)}), not {place};"
                " name the folder that it lies in."
            )
        return _with_unwritten(_of_table(place))
    if not place.is_dir():
        raise UsageError(f"w2v2 init takes a folder or a table that exists, and {place} does not; correct the path.")
    if (place / _COMMON_VOICE[0]).is_file() and (place / _COMMON_VOICE[1]).is_dir():
        found = _of_table(place / _COMMON_VOICE[0], audio_directory=_COMMON_VOICE[1])
        return dataclasses.replace(found, layout="Common Voice")
    if root := _librispeech_root(place):
        return _of_librispeech(root)
    tables, refusals = _tables(place)
    if len(tables) == 1:
        return _with_unwritten(_of_table(tables[0]))
    if tables and {_stem(table) for table in tables} <= _SPLIT_STEMS:
        return _with_unwritten(_of_split_tables(place, tables))
    if tables:
        named = ", ".join(table.name for table in tables)
        raise UsageError(
            f"w2v2 init must know which table has the transcripts, and {place} holds {named}; name one of them in place"
            " of the folder."
        )
    return _of_text_files(place, refusals)


def sounds_below(folder: Path) -> Iterator[Path]:
    """Yields all files of sound of a folder, at any depth, in the order of their paths; links are followed."""
    for entry in list_tree(str(folder)):
        # What macOS leaves on other disks is called like sound, and is none.
        is_hidden = any(part.startswith(".") for part in entry.path.split("/"))
        if entry.path.lower().endswith(SOUND_SUFFIXES) and not is_hidden:
            yield folder / entry.path


def _stem(table: Path) -> str:
    return table.stem.lower()


def _tables(folder: Path) -> tuple[list[Path], list[str]]:
    """Returns the tables directly in a folder that name recordings and texts, and why others do not."""
    found: list[Path] = []
    refusals: list[str] = []
    for path in sorted(folder.iterdir()):
        if path.name.lower().endswith(MANIFEST_SUFFIXES) and path.is_file() and not is_written_by_init(path):
            try:
                _read(path, "")
                found.append(path)
            except DataError as error:
                refusals.append(str(error))
    return found, refusals


def _of_table(path: Path, audio_directory: str | None = None) -> Transcripts:
    if audio_directory is None:
        tried = [one.audio for one in _read(path, "")[1][:_TRIED]]
        audio_directory = _audio_directory(path.parent, tried)
    layout, utterances, faults = _read(path, audio_directory)
    return Transcripts(
        layout=layout,
        source=str(path) if layout == "table" else None,
        folder=path.parent,
        named=path.name,
        utterances=tuple(utterances),
        faults=tuple(faults),
        audio_directory=audio_directory,
    )


def _of_split_tables(folder: Path, tables: Sequence[Path]) -> Transcripts:
    utterances: list[Utterance] = []
    faults: list[Fault] = []
    for table in tables:
        found = _of_table(table)
        split = split_name(_stem(table))
        utterances += [dataclasses.replace(one, split=split) for one in found.utterances]
        faults += [dataclasses.replace(fault, what=f"{table.name}, {fault.what}") for fault in found.faults]
    named = ", ".join(table.name for table in tables)
    return Transcripts("tables", None, folder, named, tuple(utterances), tuple(faults))


def _read(path: Path, audio_directory: str) -> tuple[Layout, list[Utterance], list[Fault]]:
    """Reads a table, with a header or without.

    Raises:
      DataError: it is no table of recordings and texts.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"A table must be a file that can be read, and {path} cannot ({error.strerror or error}); allow it, or"
            " name another."
        ) from error
    settings = ManifestSettings(audio_directory=audio_directory)
    layout: Layout = "table"
    try:
        outcomes = parse_manifest(io.BytesIO(content), str(path), settings, _as_it_is)
    except DataError:
        headed = _with_header(content)
        if headed is None:
            raise
        layout = "table without a header"
        outcomes = parse_manifest(io.BytesIO(headed), str(path), settings, _as_it_is)
    has_splits = layout == "table" and _names_splits(content, str(path), settings)
    utterances: list[Utterance] = []
    faults: list[Fault] = []
    for outcome in outcomes:
        if isinstance(outcome, ManifestEntry):
            audio = os.path.normpath(location(str(path), outcome.audio))
            speaker = "" if outcome.speaker_id.startswith(OWN_SPEAKER) else outcome.speaker_id
            split = outcome.split if has_splits else ""
            utterances.append(Utterance(audio, outcome.transcript, speaker, split, outcome.gender))
        else:
            line = outcome.line - (layout == "table without a header")
            reason = outcome.reason.replace(f"In line {outcome.line},", f"In line {line},", 1)
            faults.append(Fault(f"line {line}", reason))
    return layout, utterances, faults


def _as_it_is(text: str) -> str:
    return text


def _names_splits(content: bytes, where: str, settings: ManifestSettings) -> bool:
    """Tells whether a table says where its lines belong: then all of them do, or parsing has failed."""
    records = read_records(io.BytesIO(content), where, settings.max_line_characters, needs_text=True)
    return any(record.fields.get("split") for record in records)


def _with_header(content: bytes) -> bytes | None:
    """Returns a table without a header as a TSV with one; None where it is nothing that can be understood."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    for delimiter in _DELIMITERS:
        try:
            # Of LJSpeech's kind, with `|`, quotes mean nothing.
            quoting = csv.QUOTE_MINIMAL if delimiter in ",;" else csv.QUOTE_NONE
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting))
        except csv.Error:
            continue
        columns = _columns([row for row in rows if row])
        if columns is not None:
            # Blank lines stay, so that messages name the lines as they are, but for the header.
            lines = ("\t".join(" ".join(row[column].split()) for column in columns) if row else "" for row in rows)
            return ("audio\ttext\n" + "\n".join(lines) + "\n").encode()
    return None


def _columns(rows: list[list[str]]) -> tuple[int, int] | None:
    """Returns which column has the recordings, and which the texts, of a table of two columns without a header."""
    tried = rows[:_TRIED]
    if not tried or any(len(row) != 2 for row in rows):
        return None
    for audio, words in ((0, 1), (1, 0)):
        if all(row[audio].strip().lower().endswith(SOUND_SUFFIXES) for row in tried):
            return audio, words
    return None


def _audio_directory(folder: Path, paths: Sequence[str]) -> str:
    """Returns the directory below a table's in which the most of its recordings are; nothing for the table's own."""
    inside = [os.path.relpath(path, folder) for path in paths]
    directories = [
        "",
        *sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")),
    ]
    return max(directories, key=lambda name: sum((folder / name / path).is_file() for path in inside))


def _librispeech_root(folder: Path) -> Path | None:
    for root in (folder / "LibriSpeech", folder):
        if root.is_dir() and next(root.glob(f"*/*/*/*{TRANSCRIPTS_SUFFIX}"), None) is not None:
            return root
    return None


def _of_librispeech(root: Path) -> Transcripts:
    corpus = inspect_corpus(root, IngestSettings())
    utterances: list[Utterance] = []
    faults: list[Fault] = []
    for chapter in corpus.chapters:
        for outcome in read_references(corpus.root, chapter, _as_it_is):
            if isinstance(outcome, Reference):
                audio = f"{corpus.root}/{outcome.path}"
                one = Utterance(audio, outcome.transcript, outcome.speaker_id, outcome.split, outcome.gender)
                utterances.append(one)
            else:
                faults.append(Fault(outcome.path, outcome.reason))
    subsets = sorted({chapter.subset for chapter in corpus.chapters})
    return Transcripts("LibriSpeech", corpus.root, root, ", ".join(subsets), tuple(utterances), tuple(faults))


def _of_text_files(folder: Path, refusals: Sequence[str]) -> Transcripts:
    utterances: list[Utterance] = []
    faults: list[Fault] = []
    unwritten: list[str] = []
    for sound in sounds_below(folder):
        words = sound.with_suffix(".txt")
        if not str(sound).isprintable():
            told = printable(str(sound))
            faults.append(Fault(told, f"{told} must have a name in UTF-8 that can be printed; rename it."))
        elif not words.is_file():
            unwritten.append(str(sound))
        else:
            _read_text_file(sound, words, utterances, faults)
    if not utterances:
        # A table that cannot be read is what a person meant.
        raise DataError(refusals[0] if refusals else _nothing(folder, len(unwritten), faults))
    return Transcripts(
        layout="text files",
        source=None,
        folder=folder,
        named=f"{len(utterances):,} text files",
        utterances=tuple(utterances),
        faults=tuple(faults),
        unwritten=tuple(unwritten),
    )


def _read_text_file(sound: Path, words: Path, utterances: list[Utterance], faults: list[Fault]) -> None:
    """Adds a recording, or a fault."""
    try:
        text = " ".join(words.read_text(encoding="utf-8-sig").split())
    except OSError as error:
        faults.append(Fault(str(words), f"{words.name} must be a file that can be read: {error.strerror or error}."))
        return
    except UnicodeDecodeError:
        faults.append(Fault(str(words), f"{words.name} must be UTF-8; save it so."))
        return
    if text:
        utterances.append(Utterance(str(sound), text))
    else:
        faults.append(Fault(str(words), f"{words.name} is empty."))


def _nothing(folder: Path, sounds: int, faults: Sequence[Fault]) -> str:
    asked = (
        "Recordings must have transcripts: a table (.tsv, .csv, .jsonl) with the columns audio and text, a .txt beside"
        " each, or the layout of Common Voice or LibriSpeech"
    )
    if faults:
        return f"{asked}; in {folder} none can be used ({faults[0].reason.rstrip('.')}): mend that first."
    if sounds:
        return (
            f"{asked}; {folder} holds {sounds:,} recordings and none of that; write a table, or pre-train on the sound"
            " alone (w2v2 run --config pretrain_local --corpus FOLDER)."
        )
    return f"{asked}; {folder} holds neither; name the folder with your recordings."


def _with_unwritten(found: Transcripts) -> Transcripts:
    """Adds the recordings of the folder that the table does not name."""
    named = {one.audio for one in found.utterances}
    unwritten = tuple(str(path) for path in sounds_below(found.folder) if str(path) not in named)
    return dataclasses.replace(found, unwritten=unwritten)


def write_manifest(utterances: Iterable[Utterance], with_speakers: bool, with_splits: bool) -> str:
    """Returns a manifest with a line for each recording, as ingest reads it.

    Args:
      utterances: The recordings.
      with_speakers: Whether it says who speaks.
      with_splits: Whether it says where each belongs.

    Raises:
      DataError: the name of a file cannot stand in one.
    """
    columns = columns_of(with_speakers, with_splits)
    lines = ["\t".join(columns)]
    for one in utterances:
        if not one.audio.isprintable():
            raise DataError(
                "A manifest must name recordings in UTF-8 that can be printed, and"
                f" {printable(one.audio)} cannot be; rename it, or the folders that it is in."
            )
        values = {**dataclasses.asdict(one), "text": " ".join(one.text.split())}
        lines.append("\t".join(values[column] for column in columns))
    return "\n".join(lines) + "\n"
