"""What a corpus holds, found out without listening to it."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from beam_jobs import places
from beam_jobs.librispeech.settings import IngestSettings
from model.errors import DataError, UsageError

TRAIN, VALIDATION = "train", "validation"
# Begins a fingerprint that tells how a corpus was made, and not which files it has.
MADE = "made:"
_PREFIXES = (("train", TRAIN), ("dev", VALIDATION), ("test", ""))
SOUND_SUFFIX, TRANSCRIPTS_SUFFIX = ".flac", ".trans.txt"
_SPEAKERS_FILE = "SPEAKERS.TXT"
# A split becomes the directory Split-<name> and a name in TFX's metadata.
_SPLIT_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
# Of a file: subset, speaker, chapter and its name.
_DEPTH = 4
# Of an utterance's name, whose speaker, chapter and number have none themselves.
_DASHES = 2
SOUND_SUFFIXES = (".flac", ".wav", ".mp3", ".ogg", ".opus", ".m4a", ".aif", ".aiff")
_LAYOUT = (
    "<subset>/<speaker>/<chapter>/<speaker>-<chapter>-<number>.flac with <speaker>-<chapter>.trans.txt beside them"
)


@dataclasses.dataclass(frozen=True)
class Chapter:
    """A directory of utterances of one speaker.

    Attributes:
      directory: Its path below the root, with forward slashes.
      subset: The subset of the corpus.
      speaker_id: Who speaks.
      chapter_id: Which recording.
      gender: `F`, `M`, or empty where unknown.
      split: The TFX split that its utterances belong to.
    """

    directory: str
    subset: str
    speaker_id: str
    chapter_id: str
    gender: str
    split: str


@dataclasses.dataclass(frozen=True)
class CorpusSummary:
    """What a corpus holds.

    Attributes:
      root: The directory that holds the subsets, the manifest of own recordings, or a folder of them; a path or a gs://
        address.
      fingerprint: sha256 (hex) over names, sizes and modification times of all its files.
      chapters: All chapters, sorted; of a manifest and of a folder there are none.
      utterances: Files of sound.
      splits: Subsets by TFX split; a split that is carved out of others names theirs.
      utterances_by_split: Files of sound by split.
      speakers_known: Whether it is known who speaks, so that splits share no speaker.
      layout: How the recordings are found: as LibriSpeech lies, by a manifest, or all that a folder holds.
    """

    root: str
    fingerprint: str
    chapters: tuple[Chapter, ...]
    utterances: int
    splits: Mapping[str, tuple[str, ...]]
    utterances_by_split: Mapping[str, int]
    speakers_known: bool = True
    layout: Literal["librispeech", "manifest", "folder"] = "librispeech"

    @property
    def sound_root(self) -> str:
        """Where the relative paths of recordings begin."""
        return (self.root.rpartition("/")[0] or "/") if self.layout == "manifest" else self.root


def inspect_corpus(directory: str | Path, settings: IngestSettings | None = None) -> CorpusSummary:
    """Finds out what a corpus holds.

    Subsets whose names begin with `train` make the split `train`, those that begin with `dev` make `validation`, and
    each that begins with `test` is a split of its own name. Without a dev subset, the training speakers whose hashed
    ids are the smallest validate. Where no transcripts are asked for, a directory in which nothing lies as LibriSpeech
    does is a folder of recordings, all of which are taken.

    Args:
      directory: The root of a corpus in LibriSpeech's layout, or the directory that holds `LibriSpeech/`; or the
        manifest of own recordings, or a folder of them. A path, or an address in Cloud Storage, which takes one
        listing.
      settings: Of the job.

    Raises:
      UsageError: there is no such place.
      DataError: it holds no utterance, or a speaker is in two splits.
    """
    chosen = settings or IngestSettings()
    place = places.absolute(directory)
    if places.is_file(place):
        from beam_jobs.librispeech.recordings import inspect_recordings

        return inspect_recordings(place, chosen)
    root, files = _files(place)
    if not chosen.needs_transcripts and not any(_lies_as_librispeech(file.path, chosen) for file in files):
        from beam_jobs.librispeech.folder import inspect_folder

        return inspect_folder(root, files, chosen)
    genders = _genders(root, files)
    digest = hashlib.sha256()
    by_directory: dict[str, Chapter] = {}
    utterances: collections.Counter[str] = collections.Counter()
    stray: list[str] = []
    directories: dict[str, str] = {}
    doubles: list[tuple[str, str, str]] = []
    for file in files:
        parts = file.path.split("/")
        split = _split(parts[0], chosen) if len(parts) > 1 else None
        if split is None:
            continue
        is_placed = len(parts) == _DEPTH
        if _is_stray(file, is_placed, chosen.needs_transcripts):
            stray.append(file.path)
        if not is_placed:
            continue
        digest.update(f"{file.path}\0{file.size_bytes}\0{file.modified_ns}\n".encode(errors="surrogateescape"))
        is_transcripts = (
            chosen.needs_transcripts and file.path.lower().endswith(TRANSCRIPTS_SUFFIX) and file.size_bytes > 0
        )
        if not is_transcripts and not file.path.endswith(SOUND_SUFFIX):
            continue
        directory_name, _, name = file.path.rpartition("/")
        subset, speaker_id, chapter_id, _ = parts
        if directory_name not in by_directory:
            _check_names(root, directory_name, split)
            by_directory[directory_name] = Chapter(
                directory_name, subset, speaker_id, chapter_id, genders.get(speaker_id, ""), split
            )
        if name.endswith(SOUND_SUFFIX):
            utterances[directory_name] += 1
            # A name of three parts can stand in the directories of one speaker only, who has one split.
            if name.startswith(f"{speaker_id}-{chapter_id}-") and name.count("-") != _DASHES:
                other = directories.setdefault(name, directory_name)
                doubles += [(name, other, directory_name)] * (other != directory_name)
    found = list(by_directory.values())
    _require_subsets(root, found, chosen)
    if stray:
        more = f" and {len(stray) - 1} more" if len(stray) > 1 else ""
        raise DataError(
            f"Sound and transcripts in a corpus must lie as {_LAYOUT}, and this does not:"
            f" {places.printable(stray[0])}{more}, in {root}; move it, convert it or remove it."
        )
    if not utterances:
        raise DataError(
            f"A corpus must hold utterances as {_LAYOUT}, the subsets named train*, dev* or test*; {root} holds none."
        )
    # Genders come from SPEAKERS.TXT and are part of the records.
    digest.update(repr(sorted({(chapter.speaker_id, chapter.gender) for chapter in found})).encode())
    if not any(chapter.split == VALIDATION for chapter in found):
        found = _with_validation(found, chosen.validation_speaker_fraction)
    chapters = tuple(found)
    _check_speakers(chapters)
    _check_doubles(root, doubles, {chapter.directory: chapter.split for chapter in chapters})
    splits: dict[str, set[str]] = {}
    by_split: collections.Counter[str] = collections.Counter()
    for chapter in chapters:
        splits.setdefault(chapter.split, set()).add(chapter.subset)
        by_split[chapter.split] += utterances[chapter.directory]
    return CorpusSummary(
        root=root,
        fingerprint=digest.hexdigest(),
        chapters=chapters,
        utterances=by_split.total(),
        splits={split: tuple(sorted(subsets)) for split, subsets in sorted(splits.items())},
        utterances_by_split=by_split,
    )


def require_splits(corpus: CorpusSummary, is_tested: bool = True) -> None:
    """Checks that a corpus has what a whole run needs: training, validation and something to measure.

    Args:
      corpus: The corpus.
      is_tested: Whether the model is judged on a test split; what is pre-trained is judged on the validation split.

    Raises:
      DataError: one of them is missing.
    """
    if TRAIN not in corpus.splits:
        raise DataError(
            f"A corpus to train on must have a subset whose name begins with 'train', and {corpus.root} has none;"
            " add one."
        )
    if VALIDATION not in corpus.splits:
        raise DataError(
            f"A corpus must have a subset whose name begins with 'dev', or two training speakers at least, one of whom"
            f" then validates (a recording of nobody known counts as a speaker), and {corpus.root} has neither;"
            " add one."
        )
    if is_tested and set(corpus.splits) <= {TRAIN, VALIDATION}:
        raise DataError(
            f"A corpus must have a subset whose name begins with 'test', on which the model is judged, and"
            f" {corpus.root} has none; add one."
        )


def _files(directory: str) -> tuple[str, list[places.Entry]]:
    """Returns the place that holds the subsets, and all files below it."""
    if not places.is_directory(directory):
        raise UsageError(
            f"--corpus must be a directory that holds a corpus in LibriSpeech's layout; {directory} does not exist."
        )
    inner = places.join(directory, "LibriSpeech")
    root = inner if places.is_directory(inner) else directory
    return root, places.list_tree(root)


def _lies_as_librispeech(path: str, settings: IngestSettings) -> bool:
    """Tells whether a file of sound is where LibriSpeech's would be, and is called as they are."""
    parts = path.split("/")
    if len(parts) != _DEPTH or not parts[-1].endswith(SOUND_SUFFIX) or _split(parts[0], settings) is None:
        return False
    return parts[-1].startswith(f"{parts[1]}-{parts[2]}-")


def _is_stray(file: places.Entry, is_placed: bool, needs_transcripts: bool) -> bool:
    """Tells whether a file lies at another depth, or is of another kind, and would be left out without a word."""
    name = file.path.lower()
    if name.endswith(SOUND_SUFFIXES):
        return not (is_placed and file.path.endswith(SOUND_SUFFIX))
    return needs_transcripts and name.endswith(TRANSCRIPTS_SUFFIX) and not is_placed and file.size_bytes > 0


def _check_names(root: str, directory: str, split: str) -> None:
    """Checks that the names of a chapter's directories can stand in records, and its split's in TFX's metadata."""
    # Ids begin with the speaker and the chapter, and end at the first blank of a line.
    if not directory.isprintable() or " " in directory.partition("/")[2]:
        raise DataError(
            "The directories of a corpus must have names in UTF-8 that can be printed, those of speakers and chapters"
            f" without blanks, and {places.printable(directory)} in {root} has other names; rename it."
        )
    if not _SPLIT_NAME.fullmatch(split):
        raise DataError(
            f"A subset whose name begins with 'test' must have a name of letters, digits, '.', '_' and '-', 64 at most,"
            f" and {split!r} in {root} has another; rename it, or name its split in ingest.splits."
        )


def _require_subsets(root: str, chapters: list[Chapter], settings: IngestSettings) -> None:
    there = {chapter.subset for chapter in chapters}
    missing = sorted({*settings.subsets, *settings.splits} - there)
    if missing:
        raise DataError(
            f"Every subset that ingest.subsets and ingest.splits name must be in the corpus, and {root} has no"
            f" {', '.join(missing)}, but {', '.join(sorted(there)) or 'none that is asked for'}; name what is there."
        )


def _split(subset: str, settings: IngestSettings) -> str | None:
    """Returns the split of a subset, or None where the name is no subset's, or of one that is not asked for."""
    if settings.subsets and subset not in settings.subsets:
        return None
    if settings.splits:
        return settings.splits.get(subset)
    for prefix, split in _PREFIXES:
        if subset.startswith(prefix):
            return split or subset
    return None


def _genders(root: str, files: list[places.Entry]) -> dict[str, str]:
    if not any(file.path == _SPEAKERS_FILE for file in files):
        return {}
    try:
        table = places.read_bytes(places.join(root, _SPEAKERS_FILE)).decode(errors="replace")
    except OSError as error:
        reason = error.strerror or error
        raise DataError(
            f"{_SPEAKERS_FILE} must be a file that can be read, and that in {root} is not: {reason}; mend or remove it."
        ) from error
    genders: dict[str, str] = {}
    for line in table.splitlines():
        fields = [field.strip() for field in line.split("|")]
        if not line.startswith(";") and len(fields) >= 2 and fields[1] in ("F", "M"):
            genders[fields[0]] = fields[1]
    return genders


def _with_validation(chapters: list[Chapter], fraction: float) -> list[Chapter]:
    speakers = sorted(
        {chapter.speaker_id for chapter in chapters if chapter.split == TRAIN},
        key=lambda speaker: hashlib.sha256(speaker.encode()).hexdigest(),
    )
    if len(speakers) < 2:
        return chapters
    chosen = set(speakers[: max(1, round(fraction * len(speakers)))])
    return [
        dataclasses.replace(chapter, split=VALIDATION)
        if chapter.split == TRAIN and chapter.speaker_id in chosen
        else chapter
        for chapter in chapters
    ]


def _check_speakers(chapters: tuple[Chapter, ...]) -> None:
    split_by_speaker: dict[str, str] = {}
    for chapter in chapters:
        other = split_by_speaker.setdefault(chapter.speaker_id, chapter.split)
        if other != chapter.split:
            raise DataError(
                f"Splits must share no speaker, and speaker {chapter.speaker_id} is in {other} and in {chapter.split};"
                " leave one of the subsets out, or one of the speaker's directories."
            )


def _check_doubles(root: str, doubles: list[tuple[str, str, str]], splits: Mapping[str, str]) -> None:
    """Checks that no id is in two splits. Within one, the job rejects the second; between two, nobody would see both.

    It takes names such as speaker 1, chapter 2-3 and speaker 1-2, chapter 3.
    """
    for name, one, two in doubles:
        if splits[one] != splits[two]:
            raise DataError(
                f"An utterance must be in one split, and {name} is in {splits[one]} ({one}) and in {splits[two]}"
                f" ({two}) of {root}; rename one of the directories and what is in it, or leave it out."
            )
