"""Architectures by name, and the published sizes."""

import json

import pytest

from model.architectures import ARCHITECTURES, BASE, LARGE, TINY, find_architecture
from model.checkpoint import table
from model.config import Head
from model.errors import CheckpointError, UsageError


def parameters(config, head: Head = "none"):
    total = 0
    for row in table.rows(config, head):
        size = 1
        for side in row.shape:
            size *= side
        total += size
    return total


def test_the_sizes_are_those_of_the_paper():
    assert parameters(BASE) == 94_396_320 - 32 * 769, "facebook/wav2vec2-base-960h without its head"
    assert parameters(LARGE) == 315_461_792 - 32 * 1025, "facebook/wav2vec2-large-960h without its head"
    assert parameters(TINY, "pretraining") < 1_500_000
    assert LARGE.codevector_dim // LARGE.num_codevector_groups == 384
    assert BASE.codevector_dim // BASE.num_codevector_groups == 128


def test_they_are_found_by_name_or_file(tmp_path):
    assert [find_architecture(name) for name in ("tiny", "base", "large")] == list(ARCHITECTURES.values())
    (tmp_path / "config.json").write_text(json.dumps(TINY.to_published("pretraining")))
    assert find_architecture(str(tmp_path / "config.json")) == TINY


def test_others_are_refused(tmp_path):
    with pytest.raises(UsageError, match="must be one of tiny, base, large, or the config.json of a model; 'huge' is"):
        find_architecture("huge")
    (tmp_path / "config.json").write_text('{"model_type": "whisper"}')
    with pytest.raises(CheckpointError, match="'wav2vec2' or 'hubert', not 'whisper'"):
        find_architecture(str(tmp_path / "config.json"))
