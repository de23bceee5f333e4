"""Text: the transcript's normal form, the vocabulary, and greedy CTC decoding. NumPy only.

Source of the vocabulary's layout and of the decoding rule: the published Wav2Vec2 CTC checkpoints (`vocab.json`), and
Graves et al. 2006, «Connectionist Temporal Classification», for collapsing repeats and dropping blanks.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from model.errors import CheckpointError

PAD_TOKEN = "<pad>"
UNKNOWN_TOKEN = "<unk>"
WORD_DELIMITER_TOKEN = "|"

# The letters after the four special tokens and the word delimiter, in the order of the published LibriSpeech
# checkpoints.
LIBRISPEECH_TOKENS = (PAD_TOKEN, "<s>", "</s>", UNKNOWN_TOKEN, WORD_DELIMITER_TOKEN, *"ETAOINHSRDLUMWCFGYPBVK'XJQZ")

# What `normalise_english` leaves.
ENGLISH_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ' "
_NOT_ENGLISH_LETTERS = re.compile(r"[^A-Z' ]+")
_SPACES = re.compile(r"\s+")


def normalise_english(text: str) -> str:
    """Returns English text in LibriSpeech's form: A–Z and the apostrophe in upper case, words parted by one space.

    The typographic apostrophe becomes the plain one; every other character becomes a space.
    """
    upper = text.upper().replace("’", "'")
    return _SPACES.sub(" ", _NOT_ENGLISH_LETTERS.sub(" ", _SPACES.sub(" ", upper))).strip()


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The tokens of a CTC head, by id.

    Attributes:
      tokens: Token by id; ids are 0 … len(tokens) − 1 without a gap.
      blank_id: The id of the CTC blank, `<pad>` in the published checkpoints.

    Raises:
      CheckpointError: a token occurs twice, or the blank or the unknown token is missing.
    """

    tokens: tuple[str, ...]
    blank_id: int = 0

    def __post_init__(self) -> None:
        if len(set(self.tokens)) != len(self.tokens):
            raise CheckpointError("A vocabulary must hold each token once; it holds one twice.")
        if not 0 <= self.blank_id < len(self.tokens):
            raise CheckpointError(
                f"The CTC blank must be one of {len(self.tokens)} tokens, not number {self.blank_id}."
            )

    @classmethod
    def from_mapping(cls, id_by_token: Mapping[str, int]) -> Vocabulary:
        """Builds the vocabulary from the content of a `vocab.json`: id by token.

        Raises:
          CheckpointError: the ids are not 0 … n − 1, each once, or there is no `<pad>`.
        """
        ids = sorted(id_by_token.values())
        if ids != list(range(len(ids))) or not all(type(index) is int for index in ids):
            shown = f"[{', '.join(map(repr, ids[:10]))}{', …' if len(ids) > 10 else ''}]"
            raise CheckpointError(f"The ids of a vocabulary must be 0 to {len(ids) - 1}, each once, not {shown}.")
        if PAD_TOKEN not in id_by_token:
            raise CheckpointError(f"A vocabulary must hold the token {PAD_TOKEN!r}, the CTC blank; it holds none.")
        tokens = tuple(token for token, _ in sorted(id_by_token.items(), key=lambda item: item[1]))
        return cls(tokens=tokens, blank_id=id_by_token[PAD_TOKEN])

    @classmethod
    def from_file(cls, path: str | Path) -> Vocabulary:
        """Reads a `vocab.json`.

        Raises:
          CheckpointError: the file is missing, is no JSON, or is no vocabulary.
        """
        try:
            return cls.from_mapping(json.loads(Path(path).read_text(encoding="utf-8")))
        except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
            raise CheckpointError(f"{path} must be a vocabulary, a JSON object of id by token: {error}.") from error

    def to_mapping(self) -> dict[str, int]:
        """Returns id by token, the content of a `vocab.json`."""
        return {token: index for index, token in enumerate(self.tokens)}

    def require_letters(self, letters: str, where: str) -> None:
        """Checks that the letters of the transcripts can be spelt; without them, training would learn `<unk>`.

        Raises:
          CheckpointError: a letter, or the word delimiter for the space, is no token.
        """
        ids = self.to_mapping()
        missing = [letter for letter in letters if (WORD_DELIMITER_TOKEN if letter == " " else letter) not in ids]
        if missing:
            shown = " ".join(WORD_DELIMITER_TOKEN if letter == " " else letter for letter in missing)
            raise CheckpointError(
                f"The vocabulary of {where} must spell the transcripts, and these letters are no tokens of it: {shown};"
                " choose a checkpoint for this alphabet (letters are as ingest leaves them, in English capitals), or"
                " train in a run of w2v2 whose configuration sets checkpoint.new_head, which puts a new head for these"
                " letters on the backbone."
            )

    def encode(self, text: str) -> list[int]:
        """Returns the ids of a transcript's characters; a space is `|`, a character that is no token is `<unk>`."""
        ids = self.to_mapping()
        unknown = ids.get(UNKNOWN_TOKEN, self.blank_id)
        return [ids.get(WORD_DELIMITER_TOKEN if letter == " " else letter, unknown) for letter in text]

    def decode_greedy(self, token_ids: Iterable[int]) -> str:
        """Returns the text of one utterance's best token per frame: repeats collapsed, blanks dropped.

        Special tokens in angle brackets give no text; words are parted by one space.
        """
        ids = np.asarray(list(token_ids), dtype=np.int64)
        if ids.size == 0:
            return ""
        first_of_run = np.concatenate([[True], ids[1:] != ids[:-1]])
        return self.decode_labels(ids[first_of_run & (ids != self.blank_id)])

    def decode_labels(self, label_ids: Iterable[int]) -> str:
        """Returns the text of labels, one id for each letter, as `encode` gives them."""
        return _SPACES.sub(" ", "".join(text_of_token(self.tokens[int(label)]) for label in label_ids)).strip()


def text_of_token(token: str) -> str:
    """Returns what a token adds to a text: `|` is a space, and a special token in angle brackets adds nothing."""
    if token == WORD_DELIMITER_TOKEN:
        return " "
    return "" if token.startswith("<") and token.endswith(">") else token


def librispeech_vocabulary() -> Vocabulary:
    """Returns the 32 tokens of the published LibriSpeech checkpoints."""
    return Vocabulary(tokens=LIBRISPEECH_TOKENS)
