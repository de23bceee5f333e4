"""The architecture: the published fields, derived numbers, impossible values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import Wav2Vec2Config
from model.errors import CheckpointError, ConfigurationError

BASE = Wav2Vec2Config()


def test_the_numbers_of_the_published_base_architecture():
    assert BASE.samples_per_frame == 320
    assert BASE.min_samples == 400
    assert [BASE.num_frames(samples) for samples in (400, 719, 720, 50_000, 246_000)] == [1, 1, 2, 156, 768]
    assert BASE.num_frames(246_000, layers=1) == 49_199


@given(st.integers(400, 600_000))
def test_the_shortest_input_for_a_number_of_frames(samples):
    frames = BASE.num_frames(samples)
    assert frames == (samples - 80) // 320


def test_it_comes_back_from_its_published_form():
    config = Wav2Vec2Config(hidden_size=24, num_attention_heads=4, num_conv_pos_embedding_groups=4, conv_bias=True)
    published = {**config.to_published(), "transformers_version": "5.0", "gradient_checkpointing": False}
    assert Wav2Vec2Config.from_published(published) == config


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hidden_size": 770}, "hidden_size must be a multiple of num_attention_heads, and 770 is none of 12"),
        ({"conv_stride": (5, 2)}, "must name the same number of layers, at least one; they name 7, 7 and 2"),
        ({"num_hidden_layers": 0}, "num_hidden_layers must be at least 1, not 0"),
        ({"hidden_dropout": 1.0}, r"hidden_dropout must be in \[0, 1\), not 1.0"),
        ({"pad_token_id": 32}, "pad_token_id, the CTC blank, must be below vocab_size 32, not 32"),
    ],
)
def test_impossible_values_are_refused(fields, message):
    with pytest.raises(ConfigurationError, match=message):
        Wav2Vec2Config(**fields)


@pytest.mark.parametrize("content", ["", "[]", "{"])
def test_a_file_that_is_no_configuration_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"config\.json must "):
        Wav2Vec2Config.from_file(tmp_path / "config.json")
