"""Makes the reference values of this directory with PyTorch and transformers.

    make reference && .venv-reference/bin/python tests/golden/wav2vec2/make.py

For each variant of the architecture it writes a tiny checkpoint in the published layout, with random weights, and
`reference.npz` with what transformers' model gives: the output of every module for one short utterance; logits of two
others; the CTC loss of these with its gradients. `losses.npz`, where it stands beside it, holds losses of a padded
batch and their gradients: of CTC, one utterance having no path, or of pre-training. `activations.npz` holds values of
every activation function, and `versions.json` the versions.

`--full NAME DIR` writes a published architecture at its full size, without gradients, to another directory (`make
parity` uses it). `--activations CHECKPOINT FILE` writes the reference activations of a checkpoint of one's own, which
`w2v2 convert --activations FILE` then holds the converted model against.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import unittest.mock
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers.activations import ACT2CLS, ACT2FN

HERE = Path(__file__).parent
SAMPLES = (8000, 5000)
SHORT_SAMPLES = 2400
LABELS = ((11, 5, 15, 15, 8), (7, 7, 4))
INFEASIBLE_SAMPLES = 1500
NUM_NEGATIVES = 4
GUMBEL_TEMPERATURE = 0.7
TINY = {
    "conv_dim": (8, 8, 8, 8, 8, 8, 12),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 24,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "num_codevectors_per_group": 10,
    "num_codevector_groups": 2,
    "codevector_dim": 8,
    "proj_codevector_dim": 6,
}
GROUP_POST = {"feat_extract_norm": "group", "do_stable_layer_norm": False, "conv_bias": False}
LAYER_PRE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
VARIANTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "group_post_norm": ("Wav2Vec2ForCTC", GROUP_POST),
    "layer_pre_norm": ("Wav2Vec2ForCTC", LAYER_PRE),
    "group_pre_norm": ("Wav2Vec2ForCTC", {**GROUP_POST, "do_stable_layer_norm": True}),
    "layer_post_norm": ("Wav2Vec2ForCTC", {**LAYER_PRE, "do_stable_layer_norm": False, "conv_bias": False}),
    "convolutional_adapter": (
        "Wav2Vec2ForCTC",
        {**GROUP_POST, "add_adapter": True, "output_hidden_size": 10, "num_adapter_layers": 2},
    ),
    "wide_adapter": (
        "Wav2Vec2ForCTC",
        {
            **LAYER_PRE,
            "add_adapter": True,
            "num_adapter_layers": 1,
            "adapter_kernel_size": 4,
            "adapter_stride": 1,
        },
    ),
    "attention_adapter": ("Wav2Vec2ForCTC", {**LAYER_PRE, "adapter_attn_dim": 6}),
    "other_values": (
        "Wav2Vec2ForCTC",
        {
            **GROUP_POST,
            "hidden_act": "relu",
            "feat_extract_activation": "gelu_new",
            "num_conv_pos_embeddings": 15,
            "layer_norm_eps": 1e-3,
            "vocab_size": 40,
            "pad_token_id": 39,
            "mask_time_prob": 0.0,
        },
    ),
    "hubert_group": ("HubertForCTC", GROUP_POST),
    "hubert_layer": ("HubertForCTC", LAYER_PRE),
    "hubert_batch_norm": ("HubertForCTC", {**GROUP_POST, "conv_pos_batch_norm": True, "feat_proj_layer_norm": False}),
    "hubert_attention_adapter": ("HubertForCTC", {**LAYER_PRE, "adapter_attn_dim": 6}),
    "pretraining": ("Wav2Vec2ForPreTraining", LAYER_PRE),
    "headless": ("Wav2Vec2Model", GROUP_POST),
    "hubert_headless": ("HubertModel", LAYER_PRE),
}
# Those that are trained with an attention mask: transformers' group norm knows none.
WITH_PADDED_BATCH = ("layer_pre_norm",)
LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
FULL: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "base": ("Wav2Vec2ForCTC", GROUP_POST),
    "large": ("Wav2Vec2ForCTC", {**GROUP_POST, **LARGE}),
    "large-lv60": ("Wav2Vec2ForCTC", {**LAYER_PRE, **LARGE}),
    # Full width, and fewer of their 48 layers.
    "xls-r-1b-3-layers": (
        "Wav2Vec2ForCTC",
        {**LAYER_PRE, **LARGE, "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 3},
    ),
    "xls-r-2b-3-layers-float64": (
        "Wav2Vec2ForCTC",
        {**LAYER_PRE, **LARGE, "hidden_size": 1920, "intermediate_size": 7680, "num_hidden_layers": 3},
    ),
    "hubert-xlarge-3-layers": (
        "HubertForCTC",
        {**LAYER_PRE, **LARGE, "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 3},
    ),
}
# At this width PyTorch's weight norm, in float32, is itself 1.0e-5 away from the exact value: it computes in float64.
IN_FLOAT64 = ("xls-r-2b-3-layers-float64",)
# Their result is [batch, channels, frames]; the reference holds [frames, channels].
_CHANNELS_FIRST = (torch.nn.Conv1d, torch.nn.GroupNorm, torch.nn.BatchNorm1d)
_CHANNELS_FIRST_NAMES = ("feature_extractor", "adapter.layers")

# Functions; what wraps a convolution with them; and the inside of the positional convolution, which has a frame more
# than its result.
_NOT_RECORDED = re.compile(r"activation|act_fn|pos_conv_embed\.(conv|padding)|(conv_|adapter\.)layers\.\d+$")


def build(kind: str, fields: Mapping[str, Any], noise: float) -> Any:
    """Builds a model with random weights, none of which stands where it would hide a mistake."""
    torch.manual_seed(20)
    settings = {
        "vocab_size": 32,
        "ctc_loss_reduction": "sum",
        "hidden_dropout": 0.0,
        "activation_dropout": 0.0,
        "attention_dropout": 0.0,
        "feat_proj_dropout": 0.0,
        "final_dropout": 0.0,
        "layerdrop": 0.0,
        **fields,
    }
    config_class = transformers.HubertConfig if kind.startswith("Hubert") else transformers.Wav2Vec2Config
    model = getattr(transformers, kind)(config_class(attn_implementation="eager", **settings)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            # Biases and norms begin at 0 and 1, where a wrong order of axes or a swapped pair would not be seen.
            parameter.add_(noise * torch.randn_like(parameter))
        for name, buffer in model.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer.add_(noise * torch.rand_like(buffer))
    return model


def module_outputs(model: Any, waveform: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the output of every module for one utterance, `[frames, channels]`, by `output:` and its name."""
    found: dict[str, np.ndarray] = {"waveform": waveform}
    skipped = (torch.nn.Dropout, torch.nn.Identity, torch.nn.ModuleList)

    def record(name: str, module: Any) -> Any:
        def hook(_module: Any, _inputs: Any, result: Any) -> None:
            value = result[0] if isinstance(result, tuple) else result
            if hasattr(value, "last_hidden_state"):
                value = value.last_hidden_state
            if not isinstance(value, torch.Tensor) or value.ndim != 3:
                return
            first = isinstance(module, _CHANNELS_FIRST) or (
                any(part in name for part in _CHANNELS_FIRST_NAMES) and not isinstance(module, torch.nn.LayerNorm)
            )
            found[f"output:{name}"] = (value.transpose(1, 2) if first else value)[0].detach().numpy().copy()

        return hook

    handles = [
        module.register_forward_hook(record(name, module))
        for name, module in model.named_modules()
        if name and not isinstance(module, skipped) and not _NOT_RECORDED.search(name)
    ]
    with torch.no_grad():
        result = model(torch.tensor(waveform)[None])
    for handle in handles:
        handle.remove()
    for name in ("logits", "last_hidden_state", "projected_states", "projected_quantized_states"):
        if hasattr(result, name):
            found[f"output:{name}"] = getattr(result, name)[0].numpy()
    return found


def make(
    directory: Path, kind: str, fields: Mapping[str, Any], noise: float, gradients: bool, double: bool = False
) -> None:
    """Writes one variant."""
    model = build(kind, fields, noise)
    shutil.rmtree(directory, ignore_errors=True)
    model.save_pretrained(directory)
    if fields.get("vocab_size"):
        write_vocabulary(directory, fields["vocab_size"])
    random = np.random.RandomState(7)
    waveforms = [random.randn(samples).astype(np.float32) for samples in SAMPLES]
    short = random.randn(SHORT_SAMPLES if gradients else 16_000).astype(np.float32)
    values = module_outputs(model.double() if double else model, short.astype(np.float64) if double else short)
    if double:
        values = {name: value.astype(np.float32) for name, value in values.items()}
    if kind.endswith("ForCTC") and gradients:
        add_loss(values, model, waveforms)
    if kind.endswith("ForPreTraining"):
        add_perplexity(values, model, waveforms[0])
    np.savez_compressed(directory / "reference.npz", **values)
    if gradients and kind == "Wav2Vec2ForPreTraining":
        np.savez_compressed(directory / "losses.npz", **pretraining_losses(model))
    if gradients and directory.name in WITH_PADDED_BATCH:
        np.savez_compressed(directory / "losses.npz", **padded_ctc_losses(model))


def add_loss(values: dict[str, np.ndarray], model: Any, waveforms: list[np.ndarray]) -> None:
    """Adds the logits and losses of two utterances, and the gradients of their sum."""
    loss = torch.zeros(())
    for index, (waveform, labels) in enumerate(zip(waveforms, LABELS, strict=True)):
        # One utterance at a time: the model with group norm knows no padding mask.
        logits = model(torch.tensor(waveform)[None]).logits
        scores = torch.log_softmax(logits, dim=-1).transpose(0, 1)
        # Not the model's own loss: it counts the frames of some adapters wrongly.
        loss_of_one = torch.nn.functional.ctc_loss(
            scores, torch.tensor([labels]), torch.tensor([logits.shape[1]]), torch.tensor([len(labels)]),
            blank=model.config.pad_token_id, reduction="sum",
        )  # fmt: skip
        values[f"waveform_{index}"] = waveform
        values[f"labels_{index}"] = np.asarray(labels, np.int32)
        values[f"logits_{index}"] = logits[0].detach().numpy()
        values[f"loss_{index}"] = loss_of_one.detach().numpy()
        loss = loss + loss_of_one
    loss.backward()
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            values[f"gradient:{name}"] = parameter.grad.numpy()


def add_perplexity(values: dict[str, np.ndarray], model: Any, waveform: np.ndarray) -> None:
    """Adds what pre-training gives for masked frames."""
    frames = int(model._get_feat_extract_output_lengths(torch.tensor(len(waveform))))
    mask = torch.zeros((1, frames), dtype=torch.bool)
    mask[0, 3:9] = True
    with torch.no_grad():
        result = model(torch.tensor(waveform)[None], mask_time_indices=mask)
    values["waveform_0"] = waveform
    values["time_mask"] = mask.numpy()
    values["projected_states_0"] = result.projected_states[0].numpy()
    values["projected_quantized_states_0"] = result.projected_quantized_states[0].numpy()
    values["perplexity_0"] = result.codevector_perplexity.numpy()


def padded_batch(samples: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns waveforms, 0 where padded, and their attention mask."""
    random = np.random.RandomState(11)
    waveforms = torch.zeros((len(samples), max(samples)))
    for row, length in enumerate(samples):
        # Few values, so that the file is small.
        waveforms[row, :length] = torch.tensor(np.round(random.randn(length) * 4) / 4)
    mask = (torch.arange(max(samples))[None] < torch.tensor(samples)[:, None]).long()
    return waveforms, mask


def add_gradients(values: dict[str, np.ndarray], model: Any, prefix: str) -> None:
    """Adds the gradients of every parameter, and forgets them."""
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            values[f"{prefix}gradient:{name}"] = parameter.grad.numpy().copy()
    model.zero_grad()


def padded_ctc_losses(model: Any) -> dict[str, np.ndarray]:
    """Returns the CTC losses of a padded batch, the model's own sum, and its gradients; one utterance has no path."""
    waveforms, mask = padded_batch((*SAMPLES, INFEASIBLE_SAMPLES))
    labels = torch.full((3, 6), -100)
    for row, ids in enumerate((*LABELS, (5, 6, 6, 7))):
        labels[row, : len(ids)] = torch.tensor(ids)
    model.zero_grad()
    model.config.ctc_zero_infinity = True
    result = model(waveforms, attention_mask=mask, labels=labels)
    num_frames = model._get_feat_extract_output_lengths(mask.sum(-1))
    losses = torch.nn.functional.ctc_loss(
        torch.log_softmax(result.logits, dim=-1).transpose(0, 1), labels.clamp(min=0), num_frames,
        (labels >= 0).sum(-1), blank=model.config.pad_token_id, reduction="none", zero_infinity=True,
    )  # fmt: skip
    assert losses[2] == 0, "the last utterance has fewer frames than its labels need"
    assert losses[:2].min() > 0
    result.loss.backward()
    values = {
        "waveforms": waveforms.numpy(),
        "num_samples": mask.sum(-1).numpy().astype(np.int32),
        "labels": np.where(labels < 0, -1, labels).astype(np.int32),
        "losses": losses.detach().numpy(),
        "loss": result.loss.detach().numpy(),
    }
    add_gradients(values, model, "")
    return values


def pretraining_losses(model: Any) -> dict[str, np.ndarray]:
    """Returns the losses of pre-training for a padded batch, and their gradients, by prefix.

    `eval:` is the model as it is used, with the best code for each frame. `train:` is the model in training, without
    dropout and with codes that are drawn with the noise in `uniform_noise`.
    """
    waveforms, attention_mask = padded_batch(SAMPLES)
    num_frames = model._get_feat_extract_output_lengths(attention_mask.sum(-1)).tolist()
    config = model.config
    random = np.random.RandomState(13)
    time_mask = np.zeros((2, max(num_frames)), bool)
    time_mask[0, [2, 3, 4, 9, 10, 11, 17, 18, 19]] = True
    time_mask[1, [0, 1, 2, 7, 8, 9]] = True
    negatives = np.zeros((2, max(num_frames), NUM_NEGATIVES), np.int32)
    for row, masked in enumerate(time_mask):
        for frame in np.flatnonzero(masked):
            others = np.setdiff1d(np.flatnonzero(masked), [frame])
            negatives[row, frame] = random.choice(others, NUM_NEGATIVES, replace=False)
    shape = (2, max(num_frames), config.num_codevector_groups, config.num_codevectors_per_group)
    uniform_noise = random.uniform(1e-6, 1 - 1e-6, shape).astype(np.float32)

    def gumbel_softmax(scores: torch.Tensor, tau: float, hard: bool) -> torch.Tensor:
        assert hard
        noise = torch.tensor(-np.log(-np.log(uniform_noise.astype(np.float64))), dtype=torch.float32)
        soft = torch.softmax((scores + noise.reshape(scores.shape)) / tau, dim=-1)
        chosen = torch.nn.functional.one_hot(soft.argmax(-1), soft.shape[-1]).float()
        # PyTorch's own takes this sum in another order, and its vectors of one code differ in the last bit.
        return chosen + (soft - soft.detach())

    values = {
        "waveforms": waveforms.numpy(),
        "num_samples": attention_mask.sum(-1).numpy().astype(np.int32),
        "time_mask": time_mask,
        "negatives": negatives,
        "uniform_noise": uniform_noise,
        "gumbel_temperature": np.float32(GUMBEL_TEMPERATURE),
    }
    model.set_gumbel_temperature(GUMBEL_TEMPERATURE)
    first_frames = np.arange(2)[:, None, None] * max(num_frames)
    for mode in ("eval", "train"):
        model.train(mode == "train")
        with unittest.mock.patch("torch.nn.functional.gumbel_softmax", gumbel_softmax):
            result = model(
                waveforms, attention_mask=attention_mask, mask_time_indices=torch.tensor(time_mask),
                sampled_negative_indices=torch.tensor(negatives + first_frames),
            )  # fmt: skip
        result.loss.backward()
        quantized = result.projected_quantized_states.detach().numpy()
        same = (quantized[:, :, None] == np.stack([q[n] for q, n in zip(quantized, negatives, strict=True)])).all(-1)
        assert 0 < same[time_mask].mean() < 0.5, "some negatives are the positive"
        for name in ("loss", "contrastive_loss", "diversity_loss", "codevector_perplexity"):
            values[f"{mode}:{name}"] = getattr(result, name).detach().numpy()
        add_gradients(values, model, f"{mode}:")
    model.eval()
    return values


def write_vocabulary(directory: Path, size: int) -> None:
    """Writes a vocabulary as fine-tuned checkpoints often have it: the blank comes last and is called `[PAD]`."""
    letters = [chr(ord("a") + index) for index in range(26)]
    tokens = ["|", *letters, *(str(digit) for digit in range(10)), "'", "[UNK]", "[PAD]"]
    assert len(tokens) == size
    ids = {token: index for index, token in enumerate(tokens)}
    (directory / "vocab.json").write_text(json.dumps(ids, indent=2) + "\n")


def write_activations(path: Path) -> None:
    """Writes values of each activation function without parameters."""
    values = np.linspace(-12, 12, 97, dtype=np.float32)
    names = [name for name in ACT2CLS if name not in ("prelu", "xielu")]
    results = {name: ACT2FN[name](torch.tensor(values)).numpy() for name in names}
    np.savez_compressed(path, values=values, **{f"function:{name}": result for name, result in results.items()})


def main() -> None:
    """Writes what the arguments ask for; all variants without any."""
    parser = argparse.ArgumentParser(description="Makes reference values with PyTorch.")
    parser.add_argument("--full", nargs=2, metavar=("NAME", "DIR"), help=f"one of {', '.join(FULL)}, to a directory")
    parser.add_argument("--activations", nargs=2, metavar=("CHECKPOINT", "FILE"), help="of a checkpoint of one's own")
    arguments = parser.parse_args()
    if arguments.full:
        name, directory = arguments.full
        make(Path(directory), *FULL[name], noise=0.01, gradients=False, double=name in IN_FLOAT64)
        return
    if arguments.activations:
        checkpoint, file = arguments.activations
        model = getattr(transformers, transformers.AutoConfig.from_pretrained(checkpoint).architectures[0])
        waveform = np.random.RandomState(7).randn(16_000).astype(np.float32)
        values = module_outputs(model.from_pretrained(checkpoint, attn_implementation="eager").eval(), waveform)
        np.savez_compressed(file, **values)
        return
    for name, (kind, fields) in VARIANTS.items():
        make(HERE / name, kind, {**TINY, **fields}, noise=0.1, gradients=True)
    write_activations(HERE / "activations.npz")
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "numpy": np.__version__}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
