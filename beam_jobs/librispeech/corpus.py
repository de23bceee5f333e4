"""What a corpus holds, found out without listening to it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path

from beam_jobs.librispeech.settings import IngestSettings
from model.errors import DataError

TRAIN, VALIDATION = "train", "validation"
_PREFIXES = (("train", TRAIN), ("dev", VALIDATION), ("test", ""))
_SOUND_SUFFIXES = (".flac", ".wav", ".mp3", ".ogg", ".opus", ".m4a")
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
      root: The directory that holds the subsets; the manifest of own recordings.
      fingerprint: sha256 (hex) over names, sizes and modification times of all its files.
      chapters: All chapters, sorted; of own recordings there are none.
      utterances: Files of sound.
      splits: Subsets by TFX split; a split that is carved out of others names theirs.
      speakers_known: Whether it is known who speaks, so that splits share no speaker.
    """

    root: str
    fingerprint: str
    chapters: tuple[Chapter, ...]
    utterances: int
    splits: Mapping[str, tuple[str, ...]]
    speakers_known: bool = True


def inspect_corpus(directory: str | Path, settings: IngestSettings | None = None) -> CorpusSummary:
    """Finds out what a corpus holds.

    Subsets whose names begin with `train` make the split `train`, those that begin with `dev` make `validation`, and
    each that begins with `test` is a split of its own name. Without a dev subset, the training speakers whose hashed
    ids are the smallest validate.

    Args:
      directory: The root of a corpus in LibriSpeech's layout, or the directory that holds `LibriSpeech/`; or the
        manifest of own recordings.
      settings: Of the job.

    Raises:
      DataError: there is no such directory, it holds no utterance, or a speaker is in two splits.
    """
    chosen = settings or IngestSettings()
    if Path(directory).expanduser().is_file():
        from beam_jobs.librispeech.recordings import inspect_recordings

        return inspect_recordings(Path(directory).expanduser().resolve(), chosen)
    root = _root(Path(directory).expanduser())
    genders = _genders(root / "SPEAKERS.TXT")
    digest = hashlib.sha256()
    found: list[Chapter] = []
    utterances = 0
    for path in sorted(root.glob("*/*/*")):
        subset, speaker_id, chapter_id = path.relative_to(root).parts
        split = _split(subset, chosen)
        if split is None or not path.is_dir():
            continue
        found.append(
            Chapter(
                f"{subset}/{speaker_id}/{chapter_id}",
                subset,
                speaker_id,
                chapter_id,
                genders.get(speaker_id, ""),
                split,
            )
        )
        for file in sorted(path.iterdir()):
            try:
                status = file.stat()
            except OSError as error:
                raise DataError(
                    f"Every file of a corpus must be readable, and {file} is not: {error.strerror}; mend or remove it."
                ) from error
            utterances += file.suffix == ".flac"
            digest.update(f"{file.relative_to(root).as_posix()}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    _require_subsets(root, found, chosen)
    _check_places(root, found, chosen)
    if utterances == 0:
        raise DataError(
            f"A corpus must hold utterances as {_LAYOUT}, the subsets named train*, dev* or test*; {root} holds none."
        )
    # Genders come from SPEAKERS.TXT and are part of the records.
    digest.update(repr(sorted({(chapter.speaker_id, chapter.gender) for chapter in found})).encode())
    if not any(chapter.split == VALIDATION for chapter in found):
        found = _with_validation(found, chosen.validation_speaker_fraction)
    chapters = tuple(found)
    _check_speakers(chapters)
    splits: dict[str, set[str]] = {}
    for chapter in chapters:
        splits.setdefault(chapter.split, set()).add(chapter.subset)
    return CorpusSummary(
        root=str(root),
        fingerprint=digest.hexdigest(),
        chapters=chapters,
        utterances=utterances,
        splits={split: tuple(sorted(subsets)) for split, subsets in sorted(splits.items())},
    )


def require_splits(corpus: CorpusSummary) -> None:
    """Checks that a corpus has what a whole run needs: training, validation and something to measure.

    Raises:
      DataError: one of them is missing.
    """
    if TRAIN not in corpus.splits:
        raise DataError(
            f"A corpus to train on must have a subset whose name begins with 'train'; {corpus.root} has none."
        )
    if VALIDATION not in corpus.splits:
        raise DataError(
            f"A corpus must have a subset whose name begins with 'dev', or two training speakers at least, one of whom"
            f" then validates; {corpus.root} has neither."
        )
    if set(corpus.splits) <= {TRAIN, VALIDATION}:
        raise DataError(
            f"A corpus must have a subset whose name begins with 'test', on which the model is judged;"
            f" {corpus.root} has none."
        )


def _root(directory: Path) -> Path:
    if not directory.is_dir():
        what = "is a file" if directory.exists() else "does not exist"
        raise DataError(
            f"--corpus must be a directory that holds a corpus in LibriSpeech's layout; {directory} {what}."
        )
    inner = directory / "LibriSpeech"
    return inner.resolve() if inner.is_dir() else directory.resolve()


def _require_subsets(root: Path, chapters: list[Chapter], settings: IngestSettings) -> None:
    there = {chapter.subset for chapter in chapters}
    missing = sorted({*settings.subsets, *settings.splits} - there)
    if missing:
        raise DataError(
            f"Every subset that ingest.subsets and ingest.splits name must be in the corpus, and {root} has no"
            f" {', '.join(missing)}; it has {', '.join(sorted(there)) or 'none that is asked for'}."
        )


def _check_places(root: Path, chapters: list[Chapter], settings: IngestSettings) -> None:
    """Sound that lies at another depth, or is of another kind, would be left out without a word."""
    known = {chapter.directory for chapter in chapters}
    stray = sorted(
        path.relative_to(root).as_posix()
        for subset in root.iterdir()
        if subset.is_dir() and _split(subset.name, settings) is not None
        for path in subset.rglob("*")
        if path.suffix.lower() in _SOUND_SUFFIXES
        and (path.suffix != ".flac" or path.parent.relative_to(root).as_posix() not in known)
    )
    if stray:
        more = f" and {len(stray) - 1} more" if len(stray) > 1 else ""
        raise DataError(
            f"Sound in a corpus must lie as {_LAYOUT}, and this does not: {stray[0]}{more}, in {root}; move it, convert"
            " it or remove it."
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


def _genders(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    genders: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
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
