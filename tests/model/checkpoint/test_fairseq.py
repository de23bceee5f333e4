"""fairseq's settings: the published models described, everything else refused in a sentence."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.checkpoint.fairseq import HEAD_WEIGHT, describe_fairseq
from model.checkpoint.readers.pickled_object import PickledObject
from model.checkpoint.readers.stored_tensor import StoredTensor
from model.config import Wav2Vec2Config
from model.errors import CheckpointError
from model.text import LIBRISPEECH_TOKENS

LETTERS = LIBRISPEECH_TOKENS[4:]
CONV = "[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512,2,2)] + [(512,2,2)]"

# What the published config.json of each model says of the network.
BASE = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "feat_extract_activation": "gelu",
    "layer_norm_eps": 1e-5,
    "do_stable_layer_norm": False,
    "conv_dim": [512] * 7,
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "conv_bias": False,
    "feat_extract_norm": "group",
    "num_conv_pos_embeddings": 128,
    "num_conv_pos_embedding_groups": 16,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
LARGE = BASE | {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "do_stable_layer_norm": True,
    "conv_bias": True,
    "feat_extract_norm": "layer",
}
LARGE_QUANTIZER = {
    "num_codevectors_per_group": 320,
    "num_codevector_groups": 2,
    "codevector_dim": 768,
    "proj_codevector_dim": 768,
    "num_negatives": 100,
    "contrastive_logits_temperature": 0.1,
}
BASE_QUANTIZER = LARGE_QUANTIZER | {"codevector_dim": 256, "proj_codevector_dim": 256}


def namespace(**attributes):
    return PickledObject("argparse.Namespace", (), attributes)


def stored(*shape):
    return StoredTensor("float32", shape, lambda: np.zeros(shape, np.float32))


def dictionary(symbols=("<s>", "<pad>", "</s>", "<unk>", *LETTERS)):
    state = {"symbols": list(symbols), "indices": {symbol: index for index, symbol in enumerate(symbols)}}
    return PickledObject("fairseq.data.dictionary.Dictionary", (), state)


def head_tensors(size=32, hidden=768):
    return {
        HEAD_WEIGHT: stored(size, hidden),
        "w2v_encoder.proj.bias": stored(size),
        "w2v_encoder.w2v_model.post_extract_proj.weight": stored(hidden, 512),
    }


BASE_SETTINGS = {
    "extractor_mode": "default",
    "encoder_layers": 12,
    "encoder_embed_dim": 768,
    "encoder_ffn_embed_dim": 3072,
    "encoder_attention_heads": 12,
    "activation_fn": "gelu",
    "dropout": 0.1,
    "attention_dropout": 0.1,
    "activation_dropout": 0.0,
    "encoder_layerdrop": 0.05,
    "dropout_input": 0.1,
    "dropout_features": 0.1,
    "final_dim": 256,
    "layer_norm_first": False,
    "conv_feature_layers": CONV,
    "conv_bias": False,
    "logit_temp": 0.1,
    "quantize_targets": True,
    "quantize_input": False,
    "same_quantizer": False,
    "target_glu": False,
    "feature_grad_mult": 0.1,
    "latent_vars": 320,
    "latent_groups": 2,
    "latent_dim": 0,
    "latent_temp": "(2, 0.5, 0.999995)",
    "mask_length": 10,
    "mask_prob": 0.65,
    "mask_channel_length": 10,
    "mask_channel_prob": 0,
    "num_negatives": 100,
    "cross_sample_negatives": 0,
    "codebook_negatives": 0,
    "conv_pos": 128,
    "conv_pos_groups": 16,
}
LARGE_SETTINGS = BASE_SETTINGS | {
    "extractor_mode": "layer_norm",
    "encoder_layers": 24,
    "encoder_embed_dim": 1024,
    "encoder_ffn_embed_dim": 4096,
    "encoder_attention_heads": 16,
    "dropout": 0.0,
    "final_dim": 768,
    "layer_norm_first": True,
    "conv_bias": True,
}
FINE_TUNING = {
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.1,
    "dropout_input": 0.0,
    "final_dropout": 0.2,
    "apply_mask": True,
    "mask_length": 10,
    "mask_prob": 0.5,
    "mask_channel_length": 64,
    "mask_channel_prob": 0.1,
    "layerdrop": 0.1,
    "feature_grad_mult": 0.0,
    "freeze_finetune_updates": 0,
}
PRETRAINED_TENSORS = {"post_extract_proj.weight": stored(1024, 512), "quantizer.vars": stored(1, 640, 384)}


def base_960h(**changes):
    """Returns wav2vec_small_960h.pt as it was written in 2020."""
    inner = namespace(arch="wav2vec2", task="audio_pretraining", normalize=False, **(BASE_SETTINGS | changes))
    outer = namespace(
        arch="wav2vec_ctc", task="audio_pretraining", labels="ltr", normalize=False, w2v_args=inner, **FINE_TUNING
    )
    return {"args": outer, "model": head_tensors()}


def large_lv60(**changes):
    args = {"arch": "wav2vec2", "task": "audio_pretraining", "normalize": True, **LARGE_SETTINGS, **changes}
    return {"args": namespace(**args), "model": dict(PRETRAINED_TENSORS)}


def xls_r(**changes):
    later = {"layer_type": "transformer", "pos_conv_depth": 1, "crop_seq_to_multiple": 1, "quantizer_depth": 1}
    model = {"_name": "wav2vec2", **LARGE_SETTINGS, **later, **changes}
    task = {"_name": "audio_pretraining", "normalize": True, "sample_rate": 16000, "labels": None}
    return {"args": None, "cfg": {"_name": None, "model": model, "task": task}, "model": dict(PRETRAINED_TENSORS)}


def hubert_large_ls960(task_state=None, **changes):
    no_quantizer = {name: value for name, value in LARGE_SETTINGS.items() if not name.startswith(("latent", "quant"))}
    task = {"_name": "hubert_pretraining", "normalize": True, "sample_rate": 16000, "fine_tuning": True}
    inner = {"model": {"_name": "hubert", "label_rate": "${task.label_rate}", **no_quantizer, **changes}, "task": task}
    model = {"_name": "hubert_ctc", "normalize": "${task.normalize}", "w2v_args": inner, **FINE_TUNING}
    state = {"target_dictionary": dictionary()} if task_state is None else task_state
    content = {"cfg": {"model": model, "task": task}, "task_state": state}
    return {**content, "model": head_tensors(hidden=1024)}


def within(fields, expected):
    return {name: fields.get(name) for name in expected}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (base_960h(), BASE | BASE_QUANTIZER | {"vocab_size": 32, "architectures": ["Wav2Vec2ForCTC"]}),
        (large_lv60(), LARGE | LARGE_QUANTIZER | {"architectures": ["Wav2Vec2ForPreTraining"]}),
        # XLSR-53 and XLS-R 300M are large models of other data; only the place of the settings differs.
        (large_lv60(dropout_input=0.0, dropout_features=0.0), LARGE | LARGE_QUANTIZER | {"feat_proj_dropout": 0.0}),
        (xls_r(), LARGE | LARGE_QUANTIZER | {"model_type": "wav2vec2"}),
        (
            hubert_large_ls960(),
            LARGE | {"model_type": "hubert", "architectures": ["HubertForCTC"], "feat_proj_layer_norm": True},
        ),
    ],
    ids=["base-960h", "large-lv60", "xlsr-53", "xls-r", "hubert-large-ls960-ft"],
)
def test_the_published_models_get_their_published_fields(content, expected):
    description = describe_fairseq(content, "model.pt")
    assert within(description.fields, expected) == expected
    assert json.loads(json.dumps(description.fields)) == description.fields
    assert description.tensors == content["model"]
    config = Wav2Vec2Config.from_published(description.fields)
    assert list(config.conv_dim) == expected["conv_dim"]


def test_fine_tuning_overrides_the_regularisation_of_pre_training():
    assert within(describe_fairseq(base_960h(), "model.pt").fields, REGULARISATION) == REGULARISATION


REGULARISATION = {
    "hidden_dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.1,
    "feat_proj_dropout": 0.0,
    "feat_quantizer_dropout": 0.1,
    "final_dropout": 0.2,
    "layerdrop": 0.1,
    "apply_spec_augment": True,
    "mask_time_prob": 0.5,
    "mask_time_length": 10,
    "mask_time_min_masks": 2,
    "mask_feature_prob": 0.1,
    "mask_feature_length": 64,
    "mask_feature_min_masks": 0,
}


def test_pre_training_keeps_its_own_regularisation():
    fields = describe_fairseq(large_lv60(encoder_layerdrop=0.2), "model.pt").fields
    expected = {"hidden_dropout": 0.0, "attention_dropout": 0.1, "layerdrop": 0.2, "mask_time_prob": 0.65}
    assert within(fields, expected) == expected
    assert fields["apply_spec_augment"] is True
    assert fields["final_dropout"] == 0.0
    assert "vocab_size" not in fields


def test_missing_settings_are_fairseqs_defaults():
    tensors = {"post_extract_proj.weight": stored(768, 512)}
    fields = describe_fairseq({"args": namespace(arch="wav2vec2"), "model": tensors}, "model.pt").fields
    assert within(fields, BASE) == BASE
    expected = {
        "hidden_dropout": 0.1,
        "attention_dropout": 0.1,
        "activation_dropout": 0.0,
        "feat_proj_dropout": 0.0,
        "layerdrop": 0.0,
        "mask_time_prob": 0.65,
        "mask_time_length": 10,
        "mask_feature_prob": 0.0,
        "mask_feature_length": 10,
    }
    assert within(fields, expected) == expected
    # fairseq's default is to have no quantizer, and then no field speaks of one.
    assert "codevector_dim" not in fields
    assert fields["architectures"] == ["Wav2Vec2Model"]


@pytest.mark.parametrize(
    ("settings", "codevector_dim", "proj_codevector_dim"),
    [({}, 768, 768), ({"latent_dim": 384}, 384, 768), ({"final_dim": 0}, 1024, 1024), ({"final_dim": 256}, 256, 256)],
)
def test_a_dimension_of_zero_follows_another(settings, codevector_dim, proj_codevector_dim):
    fields = describe_fairseq(large_lv60(**settings), "model.pt").fields
    assert (fields["codevector_dim"], fields["proj_codevector_dim"]) == (codevector_dim, proj_codevector_dim)


def test_the_tree_of_omegaconf_is_read():
    """The shape of OmegaConf 2.0: containers hold `_content`, leaves `_val`; each refers back to its parent."""

    def node(value):
        if isinstance(value, dict):
            content = {name: node(item) for name, item in value.items()}
            return PickledObject("omegaconf.dictconfig.DictConfig", (), {"_content": content, "_parent": None})
        return PickledObject("omegaconf.nodes.AnyNode", (), {"_val": value, "_parent": None})

    plain, tree = xls_r(activation_fn="relu"), xls_r(activation_fn="relu")
    tree["cfg"] = node(tree["cfg"])
    assert describe_fairseq(tree, "model.pt").fields == describe_fairseq(plain, "model.pt").fields


def test_a_member_of_an_enumeration_is_its_value():
    mode = PickledObject("fairseq.dataclass.constants.Choices", ("layer_norm",))
    assert describe_fairseq(xls_r(extractor_mode=mode), "model.pt").fields["feat_extract_norm"] == "layer"


@pytest.mark.parametrize("value", [None, "???"])
def test_a_setting_that_was_left_open_is_missing(value):
    assert describe_fairseq(xls_r(conv_pos=value), "model.pt").fields["num_conv_pos_embeddings"] == 128


@pytest.mark.parametrize(
    ("activation", "published"), [("relu", "relu"), ("gelu_fast", "gelu_accurate"), ("relu_squared", "relu2")]
)
def test_activations_have_their_published_names(activation, published):
    fields = describe_fairseq(xls_r(activation_fn=activation), "model.pt").fields
    assert fields["hidden_act"] == published
    assert Wav2Vec2Config.from_published(fields).hidden_act == published


def test_hubert_may_have_batch_norm_at_the_positions():
    fields = describe_fairseq(hubert_large_ls960(conv_pos_batch_norm=True), "model.pt").fields
    assert fields["conv_pos_batch_norm"] is True


def test_normalisation_is_the_tasks():
    assert describe_fairseq(base_960h(), "model.pt").do_normalize is False
    assert describe_fairseq(xls_r(), "model.pt").do_normalize is True
    assert describe_fairseq(hubert_large_ls960(), "model.pt").do_normalize is True


def test_the_heads_of_pre_training_are_no_matter_after_fine_tuning():
    assert describe_fairseq(base_960h(target_glu=True, quantizer_depth=3), "model.pt").fields["hidden_size"] == 768


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"layer_type": "conformer"}, "layer_type='conformer'"),
        ({"layer_type": "trf_adp", "adp_num": 3}, "layer_type='trf_adp'"),
        ({"attn_type": "espnet"}, "attn_type='espnet'"),
        ({"pos_enc_type": "rope"}, "pos_enc_type='rope'"),
        ({"relative_position_embedding": True}, "relative_position_embedding=True"),
        ({"quantize_input": True}, "quantize_input=True"),
        ({"pos_conv_depth": 5}, "pos_conv_depth=5"),
        ({"conv_pos_batch_norm": True}, "conv_pos_batch_norm=True"),
        ({"target_glu": True}, "target_glu=True"),
        ({"quantizer_depth": 2}, "quantizer_depth=2"),
        ({"crop_seq_to_multiple": 2}, "crop_seq_to_multiple=2"),
        ({"_name": "data2vec_audio"}, "_name='data2vec_audio'"),
        ({"activation_fn": "softplus"}, "activation_fn"),
        ({"extractor_mode": "batch"}, "extractor_mode"),
        ({"encoder_layers": 0}, "encoder_layers"),
        ({"encoder_layers": True}, "encoder_layers"),
        ({"encoder_layers": 10**12}, "encoder_layers"),
        ({"encoder_embed_dim": "1024"}, "encoder_embed_dim"),
        ({"dropout": float("nan")}, "dropout"),
        ({"dropout": -0.5}, "dropout"),
        ({"conv_bias": "yes"}, "conv_bias"),
        ({"conv_feature_layers": [[512, 10, 5]]}, "conv_feature_layers"),
        ({"conv_feature_layers": "__import__('os').system('true')"}, "conv_feature_layers"),
    ],
)
def test_what_cannot_be_published_is_refused_by_name(changes, named):
    with pytest.raises(CheckpointError, match=r"model\.pt.*; (choose|check)") as raised:
        describe_fairseq(xls_r(**changes), "model.pt")
    assert named in str(raised.value)


def test_a_network_without_projection_is_refused():
    content = large_lv60(encoder_embed_dim=512)
    del content["model"]["post_extract_proj.weight"]
    with pytest.raises(CheckpointError, match="encoder_embed_dim=512"):
        describe_fairseq(content, "model.pt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("model"), "under «model»"),
        (lambda content: content.pop("args"), "under «cfg» or «args»"),
        (lambda content: content["model"].update(extra=3), "must be a tensor"),
        (lambda content: content["model"].pop(HEAD_WEIGHT), "must have a CTC head"),
        (lambda content: content["args"].state.pop("w2v_args"), "under w2v_args"),
        (lambda content: content["args"].state.update(normalize=True), "the same for pre-training and fine-tuning"),
        (lambda content: content["args"].state.update(arch="wav2vec_seq2seq"), "_name='wav2vec_seq2seq'"),
        (lambda content: content["args"].state.update(blank_weight=2.0), "blank_weight=2.0"),
        (lambda content: content["args"].state.update(layer_type="conformer"), "layer_type='conformer'"),
        (lambda content: content["args"].state.update(sample_rate=8000), "sample_rate=8000"),
    ],
)
def test_a_file_that_is_no_such_checkpoint_is_refused(change, message):
    content = base_960h()
    change(content)
    with pytest.raises(CheckpointError, match=message):
        describe_fairseq(content, "model.pt")


@pytest.mark.parametrize("content", [None, [], "text", {}, {"model": None}, {"model": {}, "args": 3}])
def test_anything_else_is_refused(content):
    with pytest.raises(CheckpointError, match=r"model\.pt must hold"):
        describe_fairseq(content, "model.pt")


def test_an_object_that_holds_itself_does_not_hang():
    state = {}
    ring = PickledObject("omegaconf.dictconfig.DictConfig", (), state)
    state["_content"] = ring
    with pytest.raises(CheckpointError):
        describe_fairseq({"cfg": ring, "model": {}}, "model.pt")


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["_content", "_val", "model", "task", "x"]), inner, max_size=3),
        inner.map(lambda state: PickledObject("some.Class", (), state)),
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*BASE_SETTINGS, "_name", "w2v_args", "layer_type", "normalize"]), values))
def test_no_settings_do_more_than_be_refused(settings):
    try:
        description = describe_fairseq(xls_r(**settings), "model.pt")
    except CheckpointError:
        return
    json.dumps(description.fields, allow_nan=False)


# The dictionary.


def test_the_dictionary_of_a_checkpoint_is_published_with_the_blank_first():
    assert describe_fairseq(hubert_large_ls960(), "model.pt").vocabulary == LIBRISPEECH_TOKENS
    assert describe_fairseq(base_960h(), "model.pt").vocabulary is None
    assert describe_fairseq(hubert_large_ls960(task_state={}), "model.pt").vocabulary is None


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (3, "with its symbols"),
        (PickledObject("fairseq.data.dictionary.Dictionary"), "with its symbols"),
        (PickledObject("some.Class", (), {"symbols": ["<s>", 3]}), "with its symbols"),
        (dictionary(("<pad>", "<s>", "</s>", "<unk>", *LETTERS)), "must begin with <s>"),
        (dictionary(("<s>", "<pad>", "</s>", "<unk>", *LETTERS[1:], "<s>")), "must begin with <s>"),
        (dictionary(("<s>", "<pad>", "</s>", "<unk>", "A")), "each of the head's 32 rows, and has 5"),
    ],
)
def test_a_dictionary_that_does_not_fit_is_refused(found, message):
    with pytest.raises(CheckpointError, match=message):
        describe_fairseq(hubert_large_ls960({"target_dictionary": found}), "model.pt")
