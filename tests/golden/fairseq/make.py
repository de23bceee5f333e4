"""Makes tiny checkpoints in fairseq's layout, and the same weights in the published one.

    make reference && .venv-reference/bin/python tests/golden/fairseq/make.py

For each variant it writes random weights twice: `<name>.pt`, which holds them under fairseq's names with settings as
fairseq stores them, and `<name>/` with `config.json`, `model.safetensors` and, of a fine-tuned model, `vocab.json`.
Both must convert to the same model. The legacy file names its storages by address, so its bytes differ from run to run.
Versions are written to `versions.json`.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

HERE = Path(__file__).parent
LETTERS = "|ETAOINHSRDLUMWCFGYPBVK'XJQZ"
CONV_DIM = (8, 8, 8, 12, 12, 12, 12)
CONV_KERNEL = (10, 3, 3, 3, 3, 2, 2)
CONV_STRIDE = (5, 2, 2, 2, 2, 2, 2)
CONV_LAYERS = "[(8, 10, 5)] + [(8, 3, 2)] * 2 + [(12, 3, 2)] * 2 + [(12,2,2)] + [(12,2,2)]"
FINE_TUNING = {
    "dropout": 0.05,
    "attention_dropout": 0.0,
    "activation_dropout": 0.15,
    "dropout_input": 0.0,
    "final_dropout": 0.25,
    "apply_mask": True,
    "mask_prob": 0.5,
    "mask_length": 4,
    "mask_channel_prob": 0.25,
    "mask_channel_length": 6,
    "layerdrop": 0.125,
    "feature_grad_mult": 0.0,
    "freeze_finetune_updates": 10000,
}
# What the settings above and `settings` below are in the published config.json.
PUBLISHED_FINE_TUNING = {
    "hidden_dropout": 0.05,
    "attention_dropout": 0.0,
    "activation_dropout": 0.15,
    "feat_proj_dropout": 0.0,
    "final_dropout": 0.25,
    "apply_spec_augment": True,
    "mask_time_prob": 0.5,
    "mask_time_length": 4,
    "mask_feature_prob": 0.25,
    "mask_feature_length": 6,
    "layerdrop": 0.125,
}
PUBLISHED_PRETRAINING = {
    "hidden_dropout": 0.1,
    "attention_dropout": 0.1,
    "activation_dropout": 0.0,
    "feat_proj_dropout": 0.1,
    "final_dropout": 0.0,
    "apply_spec_augment": True,
    "mask_time_prob": 0.65,
    "mask_time_length": 10,
    "mask_feature_prob": 0.0,
    "mask_feature_length": 10,
    "layerdrop": 0.05,
}
ARCHITECTURE = {
    "conv_dim": CONV_DIM,
    "conv_kernel": CONV_KERNEL,
    "conv_stride": CONV_STRIDE,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 32,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}
GROUP = {"feat_extract_norm": "group", "do_stable_layer_norm": False, "conv_bias": False}
LAYER = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
QUANTIZER = {
    "num_codevectors_per_group": 6,
    "num_codevector_groups": 2,
    "codevector_dim": 8,
    "proj_codevector_dim": 8,
    "num_negatives": 5,
    "contrastive_logits_temperature": 0.1,
    "feat_quantizer_dropout": 0.1,
}

# Published names of a layer's parts in fairseq's, where they differ.
RENAMED = (
    (r"^feature_extractor\.conv_layers\.(\d+)\.conv\.", r"feature_extractor.conv_layers.\1.0."),
    (r"^feature_projection\.projection\.", "post_extract_proj."),
    (r"^feature_projection\.layer_norm\.", "layer_norm."),
    (r"^encoder\.pos_conv_embed\.conv\.parametrizations\.weight\.original0$", "encoder.pos_conv.0.weight_g"),
    (r"^encoder\.pos_conv_embed\.conv\.parametrizations\.weight\.original1$", "encoder.pos_conv.0.weight_v"),
    (r"^encoder\.pos_conv_embed\.conv\.", "encoder.pos_conv.0."),
    (r"^(encoder\.layers\.\d+)\.attention\.", r"\1.self_attn."),
    (r"^(encoder\.layers\.\d+)\.layer_norm\.", r"\1.self_attn_layer_norm."),
    (r"^(encoder\.layers\.\d+)\.feed_forward\.intermediate_dense\.", r"\1.fc1."),
    (r"^(encoder\.layers\.\d+)\.feed_forward\.output_dense\.", r"\1.fc2."),
    (r"^masked_spec_embed$", "mask_emb"),
    (r"^quantizer\.codevectors$", "quantizer.vars"),
    (r"^project_hid\.", "final_proj."),
)


def fairseq_name(name: str, norm: str, is_fine_tuned: bool) -> str:
    """Returns fairseq's name of a published tensor."""
    if name.startswith("lm_head."):
        return name.replace("lm_head.", "w2v_encoder.proj.")
    name = re.sub(r"^(wav2vec2|hubert)\.", "", name)
    # Layer norm lies between two transpositions, group norm does not.
    inner = "2.1" if norm == "layer" else "2"
    name = re.sub(r"^(feature_extractor\.conv_layers\.\d+)\.layer_norm\.", rf"\1.{inner}.", name)
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return f"w2v_encoder.w2v_model.{name}" if is_fine_tuned else name


def dictionary() -> Any:
    """Returns an object that pickles as fairseq's dictionary; fairseq itself need not be there."""
    for module_name in ("fairseq", "fairseq.data", "fairseq.data.dictionary"):
        sys.modules.setdefault(module_name, types.ModuleType(module_name))
    module = sys.modules["fairseq.data.dictionary"]
    kind = type("Dictionary", (), {"__module__": module.__name__})
    module.Dictionary = kind
    value = kind()
    symbols = ["<s>", "<pad>", "</s>", "<unk>", *LETTERS]
    value.bos_word, value.unk_word, value.pad_word, value.eos_word = "<s>", "<unk>", "<pad>", "</s>"
    value.symbols = symbols
    value.count = [1] * len(symbols)
    value.indices = {symbol: index for index, symbol in enumerate(symbols)}
    value.bos_index, value.pad_index, value.eos_index, value.unk_index = 0, 1, 2, 3
    value.nspecial = 4
    return value


def pretraining_settings(fields: dict[str, Any], name: str) -> dict[str, Any]:
    """Returns the settings of a pre-trained model, by fairseq's names."""
    settings = {
        "extractor_mode": "layer_norm" if fields["feat_extract_norm"] == "layer" else "default",
        "layer_norm_first": fields["do_stable_layer_norm"],
        "conv_bias": fields["conv_bias"],
        "conv_feature_layers": CONV_LAYERS,
        "encoder_layers": 2,
        "encoder_embed_dim": 16,
        "encoder_ffn_embed_dim": 32,
        "encoder_attention_heads": 4,
        "activation_fn": "gelu",
        "conv_pos": 16,
        "conv_pos_groups": 4,
        "dropout": 0.1,
        "attention_dropout": 0.1,
        "activation_dropout": 0.0,
        "dropout_input": 0.1,
        "dropout_features": 0.1,
        "encoder_layerdrop": 0.05,
        "mask_prob": 0.65,
        "mask_length": 10,
        "mask_channel_prob": 0.0,
        "mask_channel_length": 10,
        "final_dim": 8,
        "logit_temp": 0.1,
        "feature_grad_mult": 1.0,
        "target_glu": False,
    }
    if name == "wav2vec2":
        settings |= {
            "quantize_targets": True,
            "quantize_input": False,
            "latent_vars": 6,
            "latent_groups": 2,
            "latent_dim": 0,
            "latent_temp": "(2, 0.5, 0.999995)",
            "num_negatives": 5,
            "cross_sample_negatives": 0,
            "codebook_negatives": 0,
        }
    return settings


def namespace_content(fields: dict[str, Any], is_fine_tuned: bool) -> dict[str, Any]:
    """Returns settings as fairseq stored them in 2020, flat in a namespace."""
    normalize = fields["feat_extract_norm"] == "layer"
    task = {"task": "audio_pretraining", "data": "/corpus", "normalize": normalize, "sample_rate": 16000}
    inner = argparse.Namespace(arch="wav2vec2", **task, **pretraining_settings(fields, "wav2vec2"))
    if not is_fine_tuned:
        return {"args": inner}
    return {"args": argparse.Namespace(arch="wav2vec_ctc", labels="ltr", w2v_args=inner, **task, **FINE_TUNING)}


def cfg_content(fields: dict[str, Any], name: str, is_fine_tuned: bool) -> dict[str, Any]:
    """Returns settings as fairseq stores them since 2021, in sections of plain dicts."""
    normalize = fields["feat_extract_norm"] == "layer"
    task_name = "hubert_pretraining" if name == "hubert" else "audio_pretraining"
    task = {"_name": task_name, "data": "/corpus", "normalize": normalize, "sample_rate": 16000}
    inner = {"_name": None, "model": {"_name": name, **pretraining_settings(fields, name)}, "task": task}
    if not is_fine_tuned:
        return {"args": None, "cfg": inner}
    ctc_name = "hubert_ctc" if name == "hubert" else "wav2vec_ctc"
    model = {"_name": ctc_name, "w2v_args": inner, "normalize": normalize, **FINE_TUNING}
    return {"args": None, "cfg": {"_name": None, "model": model, "task": {**task, "labels": "ltr"}}}


def build(fields: dict[str, Any], name: str, kind: str) -> Any:
    """Returns a published model with random weights."""
    torch.manual_seed(21)
    published = PUBLISHED_FINE_TUNING if kind == "ctc" else PUBLISHED_PRETRAINING
    family = "Hubert" if name == "hubert" else "Wav2Vec2"
    suffix = {"ctc": "ForCTC", "quantizer": "ForPreTraining", "backbone": "Model"}[kind]
    quantizer = QUANTIZER if name == "wav2vec2" else {}
    config = getattr(transformers, f"{family}Config")(**ARCHITECTURE, **published, **quantizer, **fields)
    config.vocab_size = 4 + len(LETTERS)
    model = getattr(transformers, f"{family}{suffix}")(config)
    with torch.no_grad():
        for parameter in model.parameters():
            # Biases and norms begin at 0 and 1, where a swapped pair would not be seen.
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def make(directory: Path, fields: dict[str, Any], kind: str, content: dict[str, Any], zipped: bool) -> None:
    """Writes one variant, in both layouts."""
    name = "hubert" if directory.name.startswith("hubert") else "wav2vec2"
    model = build(fields, name, kind)
    shutil.rmtree(directory, ignore_errors=True)
    model.save_pretrained(directory)
    is_fine_tuned = kind == "ctc"
    weights = {
        fairseq_name(key, fields["feat_extract_norm"], is_fine_tuned): tensor.detach().clone()
        for key, tensor in model.state_dict().items()
    }
    if name == "hubert":
        # HuBERT's head of pre-training stays in a fine-tuned checkpoint of fairseq, and has no published twin.
        weights["w2v_encoder.w2v_model.final_proj.weight"] = torch.randn(8, 16)
        weights["w2v_encoder.w2v_model.final_proj.bias"] = torch.randn(8)
        weights["w2v_encoder.w2v_model.label_embs_concat"] = torch.randn(5, 8)
    state: dict[str, Any] = {**content, "model": weights, "optimizer_history": [{"num_updates": 1}]}
    if is_fine_tuned:
        tokens = ["<pad>", "<s>", "</s>", "<unk>", *LETTERS]
        vocabulary = {token: index for index, token in enumerate(tokens)}
        (directory / "vocab.json").write_text(json.dumps(vocabulary, indent=2) + "\n", encoding="utf-8")
        if "cfg" in content:
            # The namespaces of 2020 came without: their users had dict.ltr.txt beside the file.
            state["task_state"] = {"target_dictionary": dictionary()}
    torch.save(state, directory.with_suffix(".pt"), _use_new_zipfile_serialization=zipped)


def main() -> None:
    """Writes all variants."""
    make(HERE / "finetuned_group_args", GROUP, "ctc", namespace_content(GROUP, True), zipped=True)
    make(HERE / "pretrained_layer_args_legacy", LAYER, "backbone", namespace_content(LAYER, False), zipped=False)
    make(HERE / "finetuned_layer_cfg", LAYER, "ctc", cfg_content(LAYER, "wav2vec2", True), zipped=True)
    make(HERE / "hubert_finetuned", LAYER, "ctc", cfg_content(LAYER, "hubert", True), zipped=True)
    make(HERE / "pretrained_quantizer_cfg", GROUP, "quantizer", cfg_content(GROUP, "wav2vec2", False), zipped=True)
    lines = "".join(f"{letter} {1000 - index}\n" for index, letter in enumerate(LETTERS))
    (HERE / "dict.ltr.txt").write_text(lines, encoding="utf-8")
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "numpy": np.__version__}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
