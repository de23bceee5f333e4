"""Beam search with an n-gram language model, in place of the best token of each frame.

The search is that of pyctcdecode, the language model is read by kenlm; both come with the extra `lm`. It is prefix beam
search with shallow fusion (Hannun et al. 2014, «First-Pass Large Vocabulary Continuous Speech Recognition using
Bi-Directional Recurrent DNNs»): the score of a text is the log probability that the model gives it, plus alpha times
that of the language model, plus beta for each word.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import math
from typing import Any

import numpy as np

from model.errors import DataError, UsageError
from model.language_model import read_words, require_spelling
from model.settings import require
from model.text import WORD_DELIMITER_TOKEN, Vocabulary, text_of_token

_PACKAGES = ("pyctcdecode", "kenlm")
# What both libraries call a blank.
_BLANK = ""


@dataclasses.dataclass(frozen=True)
class BeamSearchSettings:
    """How logits become text by beam search.

    Attributes:
      language_model: A file in the ARPA format, plain or gzipped, of words as the model's vocabulary spells them.
      alpha: Weight of the language model.
      beta: What each word adds to the score of a text.
      beam_width: How many texts are followed at the same time.
    """

    language_model: str
    alpha: float = 0.5
    beta: float = 1.5
    beam_width: int = 100

    def __post_init__(self) -> None:
        require(bool(self.language_model), "beam_search.language_model must be a file in the ARPA format, not ''.")
        require(
            math.isfinite(self.alpha) and self.alpha >= 0, f"beam_search.alpha must be at least 0, not {self.alpha}."
        )
        require(math.isfinite(self.beta), f"beam_search.beta must be a number, not {self.beta}.")
        require(self.beam_width >= 1, f"beam_search.beam_width must be at least 1, not {self.beam_width}.")


def require_usable(vocabulary: Vocabulary, settings: BeamSearchSettings) -> set[str]:
    """Checks what can be checked without reading all of a language model, and returns its words.

    Raises:
      UsageError: the extra `lm` is not installed, the file does not exist, or the vocabulary has no word delimiter.
      DataError: the file is no language model, or one of words that the vocabulary cannot spell.
    """
    for package in _PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise UsageError(
                f"Beam search needs the packages of the extra 'lm', and {package} is not installed; install"
                " wav2vec2-tfx[lm], or decode greedily."
            )
    if WORD_DELIMITER_TOKEN not in vocabulary.tokens:
        raise UsageError(
            f"Beam search with a language model of words needs the token {WORD_DELIMITER_TOKEN!r} between them, and"
            " the vocabulary has none; decode greedily."
        )
    words = read_words(settings.language_model)
    require_spelling(words, vocabulary, settings.language_model)
    return words


class BeamSearch:
    """Decodes logits by beam search.

    Examples:
      >>> search = BeamSearch(vocabulary, BeamSearchSettings("4-gram.arpa"))
      >>> search.decode(logits)

    Args:
      vocabulary: What the logits score.
      settings: The language model and its weights.

    Raises:
      UsageError: as `require_usable` raises it.
      DataError: likewise; or the file is damaged.
    """

    def __init__(self, vocabulary: Vocabulary, settings: BeamSearchSettings) -> None:
        words = require_usable(vocabulary, settings)
        self._settings = settings
        # Special tokens, which add nothing to a text, are taken out, so that the search does not follow them.
        spelt = {number: text_of_token(token) for number, token in enumerate(vocabulary.tokens)}
        self._columns = [number for number, text in spelt.items() if text or number == vocabulary.blank_id]
        labels = [_BLANK if number == vocabulary.blank_id else spelt[number] for number in self._columns]
        self._decoder = _make_decoder(labels, words, settings)

    def decode(self, logits: np.ndarray[Any, Any]) -> str:
        """Returns the most probable text.

        Args:
          logits: float32 `[frames, vocab]`, as the model gives them; without a frame the text is empty.
        """
        if not len(logits):
            return ""
        text = self._decoder.decode(logits[:, self._columns], beam_width=self._settings.beam_width)
        return " ".join(text.split())


def _make_decoder(labels: list[str], words: set[str], settings: BeamSearchSettings) -> Any:
    import kenlm
    import pyctcdecode

    options = kenlm.Config()
    options.show_progress = False
    options.arpa_complain = kenlm.ARPALoadComplain.NONE
    try:
        ngrams = kenlm.Model(settings.language_model, options)
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{settings.language_model} must be a language model in the ARPA format: {reason}; copy or make it again."
        ) from error
    language_model = pyctcdecode.LanguageModel(ngrams, words, alpha=settings.alpha, beta=settings.beta)
    return pyctcdecode.BeamSearchDecoderCTC(pyctcdecode.Alphabet(labels, is_bpe=False), language_model)
