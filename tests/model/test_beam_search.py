"""Beam search: what a language model changes, and what it must not."""

import gzip
import importlib.util

import numpy as np
import pytest

from model.beam_search import BeamSearch, BeamSearchSettings
from model.errors import ConfigurationError, DataError, UsageError
from model.text import Vocabulary, librispeech_vocabulary
from tests.arpa import write_arpa

VOCABULARY = librispeech_vocabulary()
IDS = VOCABULARY.to_mapping()


def logits_of(frames):
    """Each frame is a token, or tokens with their probabilities; the rest is shared by all others."""
    rows = np.full((len(frames), len(VOCABULARY.tokens)), 1e-4, np.float32)
    for row, frame in zip(rows, frames, strict=True):
        for token, probability in (frame if isinstance(frame, dict) else {frame: 0.99}).items():
            row[IDS[token]] = probability
    return np.log(rows)


# KAT is a little more likely than CAT.
FRAMES = ["T", "H", "E", "|", {"K": 0.6, "C": 0.4}, "A", "<pad>", "T"]


@pytest.fixture
def arpa(tmp_path):
    return write_arpa(tmp_path / "lm.arpa", [("THE", -0.5), ("CAT", -1.0), ("KAT", -3.5)])


def greedy(logits):
    return VOCABULARY.decode_greedy(logits.argmax(-1))


def test_the_language_model_changes_the_outcome(arpa):
    logits = logits_of(FRAMES)
    assert greedy(logits) == "THE KAT"
    assert BeamSearch(VOCABULARY, BeamSearchSettings(arpa)).decode(logits) == "THE CAT"
    assert BeamSearch(VOCABULARY, BeamSearchSettings(arpa, alpha=0.0)).decode(logits) == "THE KAT"


def test_a_gzipped_file_is_read(arpa, tmp_path):
    (tmp_path / "lm.arpa.gz").write_bytes(gzip.compress((tmp_path / "lm.arpa").read_bytes()))
    assert (
        BeamSearch(VOCABULARY, BeamSearchSettings(str(tmp_path / "lm.arpa.gz"))).decode(logits_of(FRAMES)) == "THE CAT"
    )


def test_the_words_before_count(tmp_path):
    unigrams = [("THE", -0.5), ("CAT", -1.0), ("KAT", -1.0)]
    path = write_arpa(tmp_path / "lm.arpa", unigrams, [("THE", "CAT", -0.1), ("THE", "KAT", -3.0)])
    assert BeamSearch(VOCABULARY, BeamSearchSettings(path)).decode(logits_of(FRAMES)) == "THE CAT"


def test_what_is_clear_stays_as_it_is(arpa):
    logits = logits_of(["<s>", "<pad>", "A", "A", "<pad>", "A", "|", "|", "<unk>", "B", "<pad>", "</s>"])
    assert BeamSearch(VOCABULARY, BeamSearchSettings(arpa)).decode(logits) == greedy(logits) == "AA B"


def test_a_beam_of_one_follows_one_text(arpa):
    assert BeamSearch(VOCABULARY, BeamSearchSettings(arpa, beam_width=1)).decode(logits_of(["A", "|", "B"])) == "A B"


def test_without_frames_the_text_is_empty(arpa):
    search = BeamSearch(VOCABULARY, BeamSearchSettings(arpa))
    assert search.decode(np.zeros((0, 32), np.float32)) == ""
    assert search.decode(logits_of(["<pad>", "|", "<pad>"])) == ""


def test_the_blank_may_be_any_token(tmp_path):
    arpa = write_arpa(tmp_path / "lm.arpa", [("CAT", -1.0), ("BAT", -1.0)])
    order = ["A", "|", "B", "<pad>", "C", "T"]
    search = BeamSearch(Vocabulary(tuple(order), blank_id=3), BeamSearchSettings(arpa))
    rows = np.full((4, 6), -9.0, np.float32)
    for row, token in enumerate(["C", "A", "<pad>", "T"]):
        rows[row, order.index(token)] = 0.0
    assert search.decode(rows) == "CAT"


def test_a_missing_extra_is_said(arpa, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "kenlm" else find(name, *rest))
    with pytest.raises(UsageError, match=r"the extra 'lm', and kenlm is not installed; install wav2vec2-tfx\[lm\], or"):
        BeamSearch(VOCABULARY, BeamSearchSettings(arpa))


def test_what_cannot_be_used_is_said(tmp_path, arpa):
    with pytest.raises(UsageError, match=r"needs the token '\|' between them, and the vocabulary has none"):
        BeamSearch(Vocabulary(("<pad>", "A")), BeamSearchSettings(arpa))
    small = write_arpa(tmp_path / "small.arpa", [("the", -1.0), ("cat", -1.0)])
    with pytest.raises(DataError, match="must be written in capitals, as the model's vocabulary has them, and 2 of 2"):
        BeamSearch(VOCABULARY, BeamSearchSettings(small))
    (tmp_path / "torn.arpa").write_text("\\data\\\nngram 1=9\n\n\\1-grams:\n-1\tA\n\n\\end\\\n")
    with pytest.raises(DataError, match=r"torn\.arpa must be a language model in the ARPA format: .*; copy or make it"):
        BeamSearch(VOCABULARY, BeamSearchSettings(str(tmp_path / "torn.arpa")))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"language_model": ""}, "language_model must be a file in the ARPA format"),
        ({"alpha": -0.1}, "alpha must be at least 0, not -0.1"),
        ({"alpha": float("nan")}, "alpha must be at least 0, not nan"),
        ({"beta": float("inf")}, "beta must be a number, not inf"),
        ({"beam_width": 0}, "beam_width must be at least 1, not 0"),
    ],
)
def test_settings_are_checked(fields, message):
    with pytest.raises(ConfigurationError, match=message):
        BeamSearchSettings(**{"language_model": "lm.arpa", **fields})
