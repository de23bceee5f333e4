"""The fields of a line of a manifest: what they are called, what they may hold, and what is said when they do not."""

from __future__ import annotations

import functools
import hashlib
import posixpath
import re
from collections.abc import Callable

from model.alphabet import Alphabet, is_spoken

# Where nobody says who speaks, a recording is a speaker of its own, called so and by its id.
OWN_SPEAKER = "recording:"
_GENDERS = {
    word: letter
    for letter, words in {"F": "f female female_feminine woman", "M": "m male male_masculine man"}.items()
    for word in words.split()
}
_SPLITS = {"training": "train", "dev": "validation", "val": "validation", "valid": "validation"}
# A split becomes the directory Split-<name> and a name in TFX's metadata.
SPLIT_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_UNSAFE_IN_IDS = re.compile(r"[^A-Za-z0-9._-]+")
_MAX_NAME_CHARACTERS = 200
_DERIVED_STEM_CHARACTERS = 100


class LineError(ValueError):
    """A line of a manifest gives no utterance. Its text ends the sentence «In line 7, …»."""


def audio_path(value: str, directory: str) -> str:
    """Returns the path of the audio in its shortest form: below the manifest's directory, absolute, or `gs://…`.

    Args:
      value: As the manifest has it.
      directory: Below the manifest's directory, where relative paths begin.

    Raises:
      LineError: it is no such path.
    """
    _require_plain("audio", value, 2_000)
    if "\\" in value:
        raise LineError(f"the path of the audio must have forward slashes, and is {shown(value)}")
    if match := _URL.match(value):
        bucket, _, name = value[match.end() :].partition("/")
        if match.group() != "gs://" or not bucket or not name:
            raise LineError(f"the audio must be a path or gs://BUCKET/NAME, and is {shown(value)}")
        if any(part in ("", ".", "..") for part in name.split("/")):
            raise LineError(f"the path of the audio must have no empty part and no dots alone, and is {shown(value)}")
        return value
    if value.startswith("/"):
        return "/" + posixpath.normpath(value).lstrip("/")
    path = posixpath.normpath(posixpath.join(directory, value))
    if path == ".." or path.startswith("../"):
        raise LineError(f"the path of the audio must stay in the manifest's directory, and is {shown(value)}")
    return path


def utterance_id(value: str, audio: str) -> str:
    """Returns the id that is given, or one that is derived from the path of the audio.

    A derived id is the path without its suffix, in safe characters, and a part of the path's hash: it is the same for
    the same path, and another for another.

    Raises:
      LineError: the id cannot be one.
    """
    if not value:
        stem = _UNSAFE_IN_IDS.sub("-", posixpath.splitext(audio.removeprefix("gs://"))[0]).strip("-.")
        return f"{stem[-_DERIVED_STEM_CHARACTERS:]}-{hashlib.sha256(audio.encode()).hexdigest()[:12]}".lstrip("-.")
    _require_plain("id", value, _MAX_NAME_CHARACTERS)
    if any(character.isspace() or character in "/\\" for character in value):
        raise LineError(f"the id must have neither blanks nor slashes, and is {shown(value)}")
    return value


def speaker_id(value: str) -> str:
    """Returns the speaker as given.

    Raises:
      LineError: it holds characters that cannot be printed, or too many.
    """
    if value:
        _require_plain("speaker", value, _MAX_NAME_CHARACTERS)
    return value


def split_name(value: str) -> str:
    """Returns the split in small letters; `dev` and its like are `validation`.

    Raises:
      LineError: no split can be called so.
    """
    name = value.lower()
    if value and not SPLIT_NAME.fullmatch(name):
        raise LineError(
            f"the split must be a name of letters, digits, - and _, such as train, validation or test, and is"
            f" {shown(value)}"
        )
    return _SPLITS.get(name, name)


def gender(value: str) -> str:
    """Returns `F`, `M`, or nothing where it is another or unknown."""
    return _GENDERS.get(value.lower(), "")


def transcript(text: str, normalise: Callable[[str], str], max_characters: int, keep_lossy: bool) -> str:
    """Returns the transcript in its normal form.

    Raises:
      LineError: it is too long, holds no word, or holds something spoken for which the normal form has no letter.
    """
    if not text:
        raise LineError("the transcript is empty")
    if len(text) > max_characters:
        raise LineError(f"the transcript must have {max_characters} characters at most, and has {len(text)}")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise LineError("the transcript holds half a character, a lone surrogate")
    normal = normalise(text)
    if not normal:
        raise LineError("the transcript holds no word")
    if not keep_lossy and (lost := _lost(text, normalise)):
        added = ", or add it to ingest.alphabet" if isinstance(normalise, Alphabet) else ""
        raise LineError(
            f"the transcript holds {shown(' '.join(lost))}, which is spoken and would be lost; write it as words, in"
            f" the letters of the alphabet{added}"
        )
    return normal


def _lost(text: str, normalise: Callable[[str], str]) -> list[str]:
    if isinstance(normalise, Alphabet):
        return normalise.lost(text)
    return sorted(character for character in set(text) if _is_lost(character, normalise))


@functools.lru_cache(maxsize=10_000)
def _is_lost(character: str, normalise: Callable[[str], str]) -> bool:
    return is_spoken(character) and not normalise(character)


def shown(value: str) -> str:
    """Returns a value as messages show it: quoted, on one line, short."""
    return repr(value if len(value) <= 60 else f"{value[:60]}…")


def _require_plain(field: str, value: str, max_characters: int) -> None:
    if len(value) > max_characters:
        raise LineError(f"the {field} must have {max_characters} characters at most, and has {len(value)}")
    if not value.isprintable():
        raise LineError(f"the {field} must have no control characters, and is {shown(value)}")
