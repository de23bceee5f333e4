"""The architecture: the published fields, derived numbers, impossible values."""

import dataclasses
import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
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
        ({"num_hidden_layers": 1001}, "num_hidden_layers must be at most 1000, not 1001"),
        ({"num_adapter_layers": 10**9}, "num_adapter_layers must be at most 1000, not 1000000000"),
        ({"conv_dim": (8,) * 1001, "conv_kernel": (1,) * 1001, "conv_stride": (1,) * 1001}, "at most 1000 layers"),
        ({"vocab_size": 10**7}, "vocab_size must be at most 1000000, not 10000000"),
        ({"conv_kernel": (10, 3, 3, 3, 3, 2, 0)}, "conv_kernel must hold numbers from 1 to 1000000, not"),
        ({"conv_stride": (5, 2, 2, 2, 2, 2, 10**7)}, "conv_stride must hold numbers from 1 to 1000000, not"),
        ({"codevector_dim": 255}, "codevector_dim must be a multiple of num_codevector_groups, and 255 is none of 2"),
        ({"num_conv_pos_embedding_groups": 7}, "must be a multiple of num_conv_pos_embedding_groups"),
        ({"adapter_attn_dim": 0}, "adapter_attn_dim must be 1 to 1000000, or null, not 0"),
        ({"output_hidden_size": 512}, "output_hidden_size must be hidden_size, 768, where there is no adapter"),
        ({"model_type": "hubert", "add_adapter": True}, "must be left out with model_type 'hubert'"),
        ({"conv_pos_batch_norm": True}, "must be left to model_type 'hubert'"),
        ({"layer_norm_eps": 0.0}, "layer_norm_eps must be a number above 0, not 0.0"),
        ({"layer_norm_eps": math.nan}, "layer_norm_eps must be a number above 0, not nan"),
        ({"contrastive_logits_temperature": math.inf}, "contrastive_logits_temperature must be a number above 0"),
        ({"initializer_range": -0.1}, "initializer_range must be a number, at least 0, not -0.1"),
        ({"layerdrop": math.nan}, r"layerdrop must be in \[0, 1\), not nan"),
        ({"mask_time_length": 0}, "mask_time_length must be at least 1, not 0"),
        ({"mask_time_min_masks": -1}, "mask_time_min_masks must be at least 0, not -1"),
    ],
)
def test_impossible_values_are_refused(fields, message):
    with pytest.raises(ConfigurationError, match=message):
        Wav2Vec2Config(**fields)


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, "\x00", '{"hidden_size": ' + "9" * 5000 + "}"])
def test_a_file_that_is_no_configuration_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"config\.json must "):
        Wav2Vec2Config.from_file(tmp_path / "config.json")


# What config.json says at the places that people download from, shortened to what differs from one to another.

COMMON = {
    "activation_dropout": 0.1,
    "apply_spec_augment": True,
    "attention_dropout": 0.1,
    "bos_token_id": 1,
    "conv_dim": [512, 512, 512, 512, 512, 512, 512],
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "ctc_loss_reduction": "sum",
    "ctc_zero_infinity": False,
    "eos_token_id": 2,
    "feat_extract_activation": "gelu",
    "hidden_act": "gelu",
    "hidden_dropout": 0.1,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-05,
    "num_conv_pos_embedding_groups": 16,
    "num_conv_pos_embeddings": 128,
    "num_feat_extract_layers": 7,
    "pad_token_id": 0,
}
BASE_SIZE = {
    "conv_bias": False,
    "do_stable_layer_norm": False,
    "feat_extract_norm": "group",
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
}
LARGE_SIZE = {
    "conv_bias": True,
    "do_stable_layer_norm": True,
    "feat_extract_norm": "layer",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
}
LARGE = Wav2Vec2Config(
    hidden_size=1024,
    num_hidden_layers=24,
    num_attention_heads=16,
    intermediate_size=4096,
    do_stable_layer_norm=True,
    feat_extract_norm="layer",
    conv_bias=True,
)
# Fields of early files that mean nothing any more, or nothing yet.
OF_2021 = {
    "_name_or_path": "facebook/wav2vec2",
    "feat_extract_dropout": 0.0,
    "final_dropout": 0.1,
    "gradient_checkpointing": False,
    "hidden_dropout_prob": 0.1,
    "layerdrop": 0.1,
    "model_type": "wav2vec2",
    "transformers_version": "4.3.0.dev0",
    "vocab_size": 32,
}
MASKS_OF_2021 = {
    "mask_channel_length": 10,
    "mask_channel_min_space": 1,
    "mask_channel_other": 0.0,
    "mask_channel_prob": 0.0,
    "mask_channel_selection": "static",
    "mask_time_length": 10,
    "mask_time_min_space": 1,
    "mask_time_other": 0.0,
    "mask_time_prob": 0.05,
    "mask_time_selection": "static",
    "no_mask_channel_overlap": False,
    "no_mask_time_overlap": False,
}
QUANTIZER = {
    "contrastive_logits_temperature": 0.1,
    "diversity_loss_weight": 0.1,
    "feat_quantizer_dropout": 0.0,
    "num_codevector_groups": 2,
    "num_codevectors_per_group": 320,
    "num_negatives": 100,
}
OF_2022 = {
    "adapter_kernel_size": 3,
    "adapter_stride": 2,
    "add_adapter": False,
    "classifier_proj_size": 256,
    "feat_proj_dropout": 0.1,
    "gradient_checkpointing": False,
    "mask_feature_length": 10,
    "mask_feature_min_masks": 0,
    "mask_feature_prob": 0.0,
    "mask_time_length": 10,
    "mask_time_min_masks": 2,
    "num_adapter_layers": 3,
    "tdnn_dilation": [1, 2, 3, 1, 1],
    "tdnn_dim": [512, 512, 512, 512, 1500],
    "tdnn_kernel": [5, 3, 3, 1, 1],
    "torch_dtype": "float32",
    "use_weighted_layer_sum": False,
    "xvector_output_dim": 512,
}
NO_DROPOUT = {
    "activation_dropout": 0.0,
    "attention_dropout": 0.0,
    "feat_proj_dropout": 0.0,
    "final_dropout": 0.0,
    "hidden_dropout": 0.0,
    "layerdrop": 0.0,
}
PUBLISHED = {
    "wav2vec2-base": (
        {**COMMON, **BASE_SIZE, **OF_2021, **MASKS_OF_2021, **QUANTIZER}
        | {"codevector_dim": 256, "proj_codevector_dim": 256, "freeze_feat_extract_train": True},
        Wav2Vec2Config(),
    ),
    "wav2vec2-base-960h": (
        {**COMMON, **BASE_SIZE, **OF_2021, **QUANTIZER}
        | {"architectures": ["Wav2Vec2ForCTC"], "codevector_dim": 256, "proj_codevector_dim": 256}
        | {"mask_feature_length": 10, "mask_feature_prob": 0.0, "mask_time_length": 10, "mask_time_prob": 0.05},
        Wav2Vec2Config(),
    ),
    "wav2vec2-large-960h-lv60-self": (
        {**COMMON, **LARGE_SIZE, **OF_2021, "model_type": "wav2vec2", "feat_proj_dropout": 0.1},
        LARGE,
    ),
    "wav2vec2-large-xlsr-53": (
        {**COMMON, **LARGE_SIZE, **OF_2021, **MASKS_OF_2021, **QUANTIZER}
        | {"codevector_dim": 768, "proj_codevector_dim": 768, "mask_time_prob": 0.075, "activation_dropout": 0.0},
        dataclasses.replace(
            LARGE, codevector_dim=768, proj_codevector_dim=768, mask_time_prob=0.075, activation_dropout=0.0
        ),
    ),
    "wav2vec2-xls-r-300m": (
        {**COMMON, **LARGE_SIZE, **OF_2022, **QUANTIZER, **NO_DROPOUT}
        | {"model_type": "wav2vec2", "codevector_dim": 768, "proj_codevector_dim": 768, "output_hidden_size": 1024}
        | {"mask_time_prob": 0.075, "vocab_size": 32, "tokenizer_class": None},
        dataclasses.replace(LARGE, codevector_dim=768, proj_codevector_dim=768, mask_time_prob=0.075, **NO_DROPOUT),
    ),
    "mms-1b-all": (
        {**COMMON, **LARGE_SIZE, **OF_2022, **QUANTIZER, **NO_DROPOUT}
        | {"hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 48, "output_hidden_size": 1280}
        | {"adapter_attn_dim": 16, "codevector_dim": 1024, "proj_codevector_dim": 1024, "vocab_size": 154}
        | {"model_type": "wav2vec2", "ctc_loss_reduction": "mean", "mask_time_prob": 0.0},
        dataclasses.replace(
            LARGE,
            hidden_size=1280,
            intermediate_size=5120,
            num_hidden_layers=48,
            adapter_attn_dim=16,
            codevector_dim=1024,
            proj_codevector_dim=1024,
            vocab_size=154,
            mask_time_prob=0.0,
            **NO_DROPOUT,
        ),
    ),
    "hubert-base-ls960": (
        {**COMMON, **BASE_SIZE, **OF_2021, "model_type": "hubert", "feat_proj_layer_norm": True}
        | {"mask_feature_length": 10, "mask_time_prob": 0.05, "tokenizer_class": "Wav2Vec2CTCTokenizer"},
        Wav2Vec2Config(model_type="hubert"),
    ),
    "hubert-large-ls960-ft": (
        {**COMMON, **LARGE_SIZE, "model_type": "hubert", "vocab_size": 32, "layerdrop": 0.1, "final_dropout": 0.0}
        | {"feat_proj_dropout": 0.0, "hidden_dropout_prob": 0.1, "conv_pos_batch_norm": False},
        dataclasses.replace(LARGE, model_type="hubert", final_dropout=0.0, feat_proj_dropout=0.0),
    ),
    "jonatasgrosman/wav2vec2-large-xlsr-53-english": (
        {**COMMON, **LARGE_SIZE, **OF_2021, **MASKS_OF_2021, **NO_DROPOUT}
        | {"vocab_size": 33, "hidden_dropout": 0.05, "layerdrop": 0.05, "feat_proj_dropout": 0.05}
        | {"ctc_loss_reduction": "mean", "ctc_zero_infinity": True, "attention_dropout": 0.1}
        | {"gradient_checkpointing": True, "architectures": ["Wav2Vec2ForCTC"]},
        dataclasses.replace(
            LARGE,
            vocab_size=33,
            **NO_DROPOUT
            | {"hidden_dropout": 0.05, "layerdrop": 0.05, "feat_proj_dropout": 0.05, "attention_dropout": 0.1},
        ),
    ),
    "fine-tuned by the well-known recipe": (
        {**COMMON, **LARGE_SIZE, **OF_2022, **NO_DROPOUT, "model_type": "wav2vec2", "ctc_loss_reduction": "mean"}
        | {
            "pad_token_id": 37,
            "vocab_size": 40,
            "mask_time_prob": 0,
            "output_hidden_size": None,
            "adapter_attn_dim": None,
        }
        | {"torch_dtype": "float32", "transformers_version": "4.17.0.dev0", "conv_dim": None, "hidden_act": None},
        dataclasses.replace(LARGE, pad_token_id=37, vocab_size=40, mask_time_prob=0.0, **NO_DROPOUT),
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_descriptions_are_taken(name):
    fields, expected = PUBLISHED[name]
    config = Wav2Vec2Config.from_published(fields)
    assert config == expected
    assert Wav2Vec2Config.from_published(json.loads(json.dumps(config.to_published()))) == config


def test_the_heads_have_their_published_names():
    def architecture(model_type, head):
        return Wav2Vec2Config(model_type=model_type).to_published(head)["architectures"]

    assert architecture("wav2vec2", "ctc") == ["Wav2Vec2ForCTC"]
    assert architecture("wav2vec2", "pretraining") == ["Wav2Vec2ForPreTraining"]
    assert architecture("wav2vec2", "none") == ["Wav2Vec2Model"]
    assert architecture("hubert", "ctc") == ["HubertForCTC"]
    assert architecture("hubert", "none") == ["HubertModel"]


def test_the_shortest_input_of_an_adapter_gives_one_frame_behind_it():
    usual = Wav2Vec2Config(add_adapter=True)
    wide = dataclasses.replace(usual, num_adapter_layers=1, adapter_kernel_size=4, adapter_stride=1)
    for config in (usual, wide):
        assert config.num_output_frames(config.min_samples) == 1
        assert config.num_output_frames(config.min_samples - 1) < 1


def test_attention_adapters_stand_in_pre_norm_layers_only():
    assert Wav2Vec2Config(adapter_attn_dim=16, do_stable_layer_norm=True).has_attention_adapters
    assert not Wav2Vec2Config(adapter_attn_dim=16).has_attention_adapters
    assert Wav2Vec2Config(model_type="hubert", adapter_attn_dim=16, do_stable_layer_norm=True).has_attention_adapters


@pytest.mark.parametrize("name", ["whisper", "wavlm", "data2vec-audio", "Wav2Vec2", None, 3, [], {}])
def test_another_kind_of_model_is_refused(name):
    with pytest.raises(CheckpointError, match="config.json must have model_type 'wav2vec2' or 'hubert', not "):
        Wav2Vec2Config.from_published({"model_type": name})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([0, 1, 2, 10**400]),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = sorted({field.name for field in dataclasses.fields(Wav2Vec2Config)} | set(PUBLISHED["wav2vec2-base"][0]))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), VALUES, max_size=4))
def test_any_published_fields_are_taken_or_refused(fields):
    try:
        config = Wav2Vec2Config.from_published(fields)
    except CheckpointError:
        return
    assert Wav2Vec2Config.from_published(json.loads(json.dumps(config.to_published()))) == config
    assert config.samples_per_frame >= 1
    assert config.num_output_frames(config.min_samples) >= 1
