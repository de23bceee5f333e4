"""The ancestor's config.json and the names in its tf_model.h5."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.checkpoint.ancestor import ancestor_fields, ancestor_variable_name, is_ancestor_config
from model.checkpoint.table import rows
from model.config import Wav2Vec2Config
from model.errors import CheckpointError

# The config.json that its `save_pretrained` writes of its two configurations.
BASE = {
    "vocab_size": 32,
    "dropout": 0.1,
    "hidden_size": 768,
    "num_heads": 12,
    "num_layers": 12,
    "intermediate_size": 3072,
    "is_gelu_approx": False,
    "layer_norm_eps": 1e-05,
    "survival_prob": 1.0,
    "pad_id": 0,
    "num_conv_pos_embeddings": 128,
    "num_conv_pos_embedding_groups": 16,
    "filter_sizes": [512, 512, 512, 512, 512, 512, 512],
    "kernal_sizes": [10, 3, 3, 3, 3, 2, 2],
    "strides": [5, 2, 2, 2, 2, 2, 2],
    "conv_bias": False,
    "apply_spec_augment": True,
    "mask_time_prob": 0.05,
    "mask_time_length": 10,
    "attention_norm_type": "postnorm",
    "feature_extractor_norm_type": "group",
    "is_robust": False,
}
ROBUST = BASE | {
    "attention_norm_type": "prenorm",
    "feature_extractor_norm_type": "layer",
    "is_robust": True,
    "conv_bias": True,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_heads": 16,
    "num_layers": 24,
}


def test_the_base_model_is_the_published_one():
    fields = ancestor_fields(BASE, "config.json")
    assert Wav2Vec2Config.from_published(fields) == Wav2Vec2Config(layerdrop=0.0)
    assert json.loads(json.dumps(fields)) == fields
    assert ancestor_fields({}, "config.json") == fields


def test_the_robust_model_is_the_published_large_one():
    fields = ancestor_fields(ROBUST, "config.json")
    assert Wav2Vec2Config.from_published(fields) == Wav2Vec2Config(
        hidden_size=1024,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4096,
        do_stable_layer_norm=True,
        feat_extract_norm="layer",
        conv_bias=True,
        layerdrop=0.0,
    )


def test_each_field_has_its_published_twin():
    changes = {
        "dropout": 0.25,
        "survival_prob": 0.9,
        "is_gelu_approx": True,
        "pad_id": 3,
        "vocab_size": 40,
        "layer_norm_eps": 1e-6,
        "filter_sizes": [8, 16],
        "kernal_sizes": [10, 3],
        "strides": [5, 2],
        "num_conv_pos_embeddings": 64,
        "num_conv_pos_embedding_groups": 8,
        "apply_spec_augment": False,
        "mask_time_prob": 0.5,
        "mask_time_length": 4,
    }
    fields = ancestor_fields(BASE | changes, "config.json")
    expected = {
        "hidden_dropout": 0.25,
        "activation_dropout": 0.25,
        "attention_dropout": 0.25,
        "feat_proj_dropout": 0.25,
        "final_dropout": 0.25,
        "layerdrop": 0.1,
        "hidden_act": "gelu_new",
        "feat_extract_activation": "gelu_new",
        "pad_token_id": 3,
        "vocab_size": 40,
        "layer_norm_eps": 1e-6,
        "conv_dim": [8, 16],
        "conv_kernel": [10, 3],
        "conv_stride": [5, 2],
        "num_conv_pos_embeddings": 64,
        "num_conv_pos_embedding_groups": 8,
        "apply_spec_augment": False,
        "mask_time_prob": 0.5,
        "mask_time_length": 4,
        "mask_feature_prob": 0.0,
    }
    assert {name: fields[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (BASE, True),
        ({"kernal_sizes": [10]}, True),
        ({}, False),
        ({"hidden_size": 768}, False),
        (Wav2Vec2Config().to_published(), False),
        ({"model_type": "wav2vec2", "num_layers": 12}, False),
    ],
)
def test_the_two_kinds_of_config_are_told_apart(value, answer):
    assert is_ancestor_config(value) is answer


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"num_attention_heads": 12}, "num_attention_heads"),
        ({"kernel_sizes": [10], "zeta": 1}, "'kernel_sizes', 'zeta'"),
        ({"num_heads": 0}, "num_heads"),
        ({"num_layers": "12"}, "num_layers"),
        ({"hidden_size": True}, "hidden_size"),
        ({"pad_id": -1}, "pad_id"),
        ({"dropout": float("nan")}, "dropout"),
        ({"dropout": 10**400}, "dropout"),
        ({"survival_prob": 1.5}, "survival_prob"),
        ({"layer_norm_eps": 10**400}, "layer_norm_eps"),
        ({"layer_norm_eps": float("inf")}, "layer_norm_eps"),
        ({"attention_norm_type": "\x1b[31m\n"}, "attention_norm_type"),
        ({"\x1b[31m\n": 1}, "holds '\\x1b[31m\\n'"),
        ({"layer_norm_eps": 0}, "layer_norm_eps"),
        ({"is_gelu_approx": "no"}, "is_gelu_approx"),
        ({"attention_norm_type": "sandwich"}, "attention_norm_type"),
        ({"feature_extractor_norm_type": ["group"]}, "feature_extractor_norm_type"),
        ({"filter_sizes": [512]}, "filter_sizes, kernal_sizes and strides"),
        ({"strides": []}, "strides"),
        ({"strides": 5}, "strides"),
        ({"is_robust": True}, "is_robust"),
        ({"feature_extractor_norm_type": "layer"}, "is_robust"),
    ],
)
def test_a_field_that_is_unknown_impossible_or_contradicted_is_named(changes, named):
    with pytest.raises(CheckpointError, match=r"config\.json must|of config\.json must") as raised:
        ancestor_fields(BASE | changes, "config.json")
    assert named in str(raised.value)
    assert str(raised.value).isprintable()


scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers()))


@given(st.dictionaries(st.one_of(st.sampled_from(list(BASE)), st.text(max_size=5)), scalars, max_size=3))
def test_no_config_does_more_than_be_refused(changes):
    try:
        fields = ancestor_fields(BASE | changes, "config.json")
    except CheckpointError:
        return
    json.dumps(fields, allow_nan=False)


@pytest.mark.parametrize(
    ("variable", "with_head", "without_head"),
    [
        (
            "wav2vec2/feature_extractor/conv_0/kernel",
            "wav2vec2/wav2vec2-ctc/wav2vec2/feature_extractor/conv_layers/0/conv/kernel:0",
            "feature_extractor/conv_layers/0/wav2vec2/feature_extractor/conv_layers/0/conv/kernel:0",
        ),
        (
            "wav2vec2/feature_extractor/norm_11/gamma",
            "wav2vec2/wav2vec2-ctc/wav2vec2/feature_extractor/conv_layers/11/layer_norm/gamma:0",
            "feature_extractor/conv_layers/11/wav2vec2/feature_extractor/conv_layers/11/layer_norm/gamma:0",
        ),
        (
            "wav2vec2/feature_projection/layer_norm/gamma",
            "wav2vec2/wav2vec2-ctc/wav2vec2/feature_projection/layer_norm/gamma:0",
            "feature_projection/wav2vec2/feature_projection/layer_norm/gamma:0",
        ),
        (
            "wav2vec2/encoder/pos_conv_embed/weight_g",
            "wav2vec2/wav2vec2-ctc/wav2vec2/encoder/pos_conv_embed/conv/weight_g:0",
            "encoder/wav2vec2/encoder/pos_conv_embed/conv/weight_g:0",
        ),
        (
            "wav2vec2/encoder/layer_3/attention/q_proj/kernel",
            "wav2vec2/wav2vec2-ctc/wav2vec2/encoder/layers/3/attention/q_proj/kernel:0",
            "encoder/wav2vec2/encoder/layers/3/attention/q_proj/kernel:0",
        ),
        (
            "wav2vec2/encoder/layer_3/feed_forward/output_dense/bias",
            "wav2vec2/wav2vec2-ctc/wav2vec2/encoder/layers/3/feed_forward/output_dense/bias:0",
            "encoder/wav2vec2/encoder/layers/3/feed_forward/output_dense/bias:0",
        ),
        (
            "wav2vec2/encoder/layer_norm/gamma",
            "wav2vec2/wav2vec2-ctc/wav2vec2/encoder/layer_norm/gamma:0",
            "encoder/wav2vec2/encoder/layer_norm/gamma:0",
        ),
        (
            "wav2vec2/masked_spec_embed",
            "wav2vec2/wav2vec2-ctc/wav2vec2/masked_spec_embed:0",
            "top_level_model_weights/wav2vec2/masked_spec_embed:0",
        ),
    ],
)
def test_a_variable_has_the_name_that_keras_gave_it(variable, with_head, without_head):
    assert ancestor_variable_name(variable, has_head=True) == with_head
    assert ancestor_variable_name(variable, has_head=False) == without_head


def test_the_head_lies_beside_the_backbone():
    assert ancestor_variable_name("lm_head/kernel", has_head=True) == "lm_head/wav2vec2-ctc/lm_head/kernel:0"


@pytest.mark.parametrize("fields", [BASE, ROBUST])
def test_every_variable_of_the_model_has_a_name_of_its_own(fields):
    config = Wav2Vec2Config.from_published(ancestor_fields(fields, "config.json"))
    variables = [row.variable for row in rows(config)]
    names = {ancestor_variable_name(variable, has_head=True) for variable in variables}
    assert len(names) == len(variables)


@pytest.mark.parametrize(
    ("variable", "has_head"),
    [
        ("lm_head/kernel", False),
        ("lm_head/gamma", True),
        ("wav2vec2/encoder/layer_3/adapter_layer/norm/gamma", True),
        ("wav2vec2/encoder/layer_x/attention/q_proj/kernel", True),
        ("wav2vec2/feature_extractor/conv_0", True),
        ("hubert/encoder/layer_norm/gamma", True),
        ("", False),
    ],
)
def test_a_variable_that_the_ancestor_has_not_is_refused(variable, has_head):
    with pytest.raises(CheckpointError, match="gsoc-wav2vec2 with.* a head has no variable"):
        ancestor_variable_name(variable, has_head)
