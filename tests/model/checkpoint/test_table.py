"""The table: a row for each variable, with the shape that the model gives it, and names that no two rows share."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import Wav2Vec2Config
from model.checkpoint import table

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2"
VARIANTS = sorted(path.parent.name for path in GOLDEN.glob("*/config.json"))
BASE = Wav2Vec2Config()


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_rows_are_the_variables_of_the_model_in_their_shapes(variant, converted):
    loaded = converted(variant).loaded
    expected = {name: tuple(value.shape) for name, value in loaded.model.named_weights().items()}
    for layout in ("huggingface", "fairseq"):
        rows = table.rows(loaded.config, loaded.model.head, layout)
        assert {row.variable: row.shape for row in rows} == expected
        assert len(rows) == len(expected)


def test_the_rows_of_the_base_model():
    rows = {row.variable: row for row in table.rows(BASE)}
    assert rows["wav2vec2/feature_extractor/conv_3/kernel"] == table.Row(
        "wav2vec2/feature_extractor/conv_3/kernel",
        ("wav2vec2.feature_extractor.conv_layers.3.conv.weight",),
        "conv",
        (3, 512, 512),
    )
    assert rows["wav2vec2/encoder/pos_conv_embed/weight_v"].sources == (
        "wav2vec2.encoder.pos_conv_embed.conv.parametrizations.weight.original1",
        "wav2vec2.encoder.pos_conv_embed.conv.weight_v",
    )
    # As FACTS has them: v [768, 48, 128] and g [1, 1, 128].
    assert rows["wav2vec2/encoder/pos_conv_embed/weight_v"].source_shape == (768, 48, 128)
    assert rows["wav2vec2/encoder/pos_conv_embed/weight_g"].source_shape == (1, 1, 128)
    assert rows["wav2vec2/encoder/layer_11/feed_forward/output_dense/kernel"].source_shape == (768, 3072)
    assert rows["lm_head/bias"].sources == ("lm_head.bias",)
    assert sum(int(np.prod(row.shape)) for row in rows.values()) == 94_396_320


@pytest.mark.parametrize(
    ("config", "head", "parameters"),
    [
        # As transformers counts them.
        (Wav2Vec2Config(), "none", 94_371_712),
        (Wav2Vec2Config(codevector_dim=256, proj_codevector_dim=256), "pretraining", 95_044_608),
        (
            Wav2Vec2Config(
                hidden_size=1024,
                num_hidden_layers=24,
                num_attention_heads=16,
                intermediate_size=4096,
                do_stable_layer_norm=True,
                feat_extract_norm="layer",
                conv_bias=True,
            ),
            "ctc",
            315_471_520,
        ),
    ],
)
def test_the_published_models_have_as_many_parameters(config, head, parameters):
    assert sum(int(np.prod(row.shape)) for row in table.rows(config, head)) == parameters


@pytest.mark.parametrize("layout", ["huggingface", "fairseq", "ancestor"])
@pytest.mark.parametrize("head", ["none", "ctc"])
def test_no_two_rows_share_a_name(layout, head):
    rows = table.rows(BASE, head, layout)
    names = [name for row in rows for name in row.sources]
    assert len(set(names)) == len(names)


def test_the_names_of_fairseq():
    fine_tuned = {row.variable: row.sources for row in table.rows(BASE, "ctc", "fairseq")}
    assert fine_tuned["lm_head/kernel"] == ("w2v_encoder.proj.weight",)
    assert fine_tuned["wav2vec2/encoder/layer_0/attention/q_proj/kernel"] == (
        "w2v_encoder.w2v_model.encoder.layers.0.self_attn.q_proj.weight",
    )
    assert fine_tuned["wav2vec2/feature_extractor/norm_0/gamma"] == (
        "w2v_encoder.w2v_model.feature_extractor.conv_layers.0.2.weight",
    )
    pre_trained = {row.variable: row.sources for row in table.rows(BASE, "pretraining", "fairseq")}
    assert pre_trained["quantizer/codevectors"] == ("quantizer.vars",)
    assert pre_trained["project_hid/kernel"] == ("final_proj.weight",)
    assert pre_trained["wav2vec2/masked_spec_embed"] == ("mask_emb",)
    layer = dataclasses.replace(BASE, feat_extract_norm="layer")
    names = {row.variable: row.sources for row in table.rows(layer, "none", "fairseq")}
    assert names["wav2vec2/feature_extractor/norm_4/beta"] == ("feature_extractor.conv_layers.4.2.1.bias",)


@pytest.mark.parametrize(
    ("layout", "head", "masks", "optional"),
    [
        ("huggingface", "ctc", True, True),
        ("huggingface", "none", True, True),
        ("huggingface", "pretraining", True, False),
        ("fairseq", "ctc", True, False),
        ("ancestor", "ctc", True, False),
        ("fairseq", "ctc", False, True),
        ("huggingface", "pretraining", False, True),
    ],
)
def test_only_a_masking_vector_may_be_missing_and_only_where_published_files_lack_it(layout, head, masks, optional):
    config = BASE if masks else dataclasses.replace(BASE, mask_time_prob=0.0)
    rows = table.rows(config, head, layout)
    assert [row.variable for row in rows if row.optional] == (["wav2vec2/masked_spec_embed"] if optional else [])


@pytest.mark.parametrize(
    ("name", "layout", "expected"),
    [
        ("quantizer.weight_proj.weight", "huggingface", True),
        ("project_q.bias", "huggingface", True),
        ("project_hid.bias", "huggingface", True),
        ("hubert.encoder.pos_conv_embed.batch_norm.num_batches_tracked", "huggingface", True),
        ("wav2vec2.masked_spec_embed", "huggingface", False),
        ("lm_head.weight", "huggingface", False),
        ("classifier.weight", "huggingface", False),
        ("final_proj.weight", "huggingface", False),
        ("w2v_encoder.w2v_model.quantizer.vars", "fairseq", True),
        ("w2v_encoder.w2v_model.final_proj.bias", "fairseq", True),
        ("label_embs_concat", "fairseq", True),
        ("w2v_encoder.proj.weight", "fairseq", False),
        ("quantizer.vars", "ancestor", False),
    ],
)
def test_what_may_be_left_out(name, layout, expected):
    assert table.may_be_left_out(name, BASE, layout) is expected


def test_a_masking_vector_may_be_left_out_where_nothing_is_masked():
    config = dataclasses.replace(BASE, mask_time_prob=0.0)
    assert table.may_be_left_out("wav2vec2.masked_spec_embed", config, "huggingface")
    assert table.may_be_left_out("w2v_encoder.w2v_model.mask_emb", config, "fairseq")


@given(
    axes=st.sampled_from(["same", "dense", "conv"]),
    sizes=st.lists(st.integers(1, 4), min_size=3, max_size=3),
)
def test_a_change_of_axes_is_undone_by_itself(axes, sizes):
    shape = tuple(sizes if axes == "conv" else sizes[:2])
    value = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    ours = table.to_ours(axes, value)
    back = table.to_published(axes, ours)
    assert back.flags.c_contiguous
    np.testing.assert_array_equal(back, value)
    assert table.Row("x", ("y",), axes, ours.shape).source_shape == shape
