"""Makes the reference values of this directory with PyTorch and transformers.

    make reference && .venv-reference/bin/python tests/golden/wav2vec2/make.py

For each variant of the architecture it writes a tiny checkpoint in the published layout, with random weights, and what
transformers' model gives for two utterances: the output of each module, and the CTC loss with its gradients. Versions
are written to `versions.json`. `--full DIR` writes the published base architecture, at its full size and without
gradients, to another directory; `make parity` uses it.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import torch
import transformers

HERE = Path(__file__).parent
SAMPLES = (8000, 5000)
LABELS = ((11, 5, 15, 15, 8), (7, 7, 4))
VARIANTS = {
    "group_post_norm": {"feat_extract_norm": "group", "do_stable_layer_norm": False, "conv_bias": False},
    "layer_pre_norm": {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True},
}


TINY = {
    "conv_dim": (12, 12, 16, 16, 16, 16, 24),
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
}


def make(directory: Path, fields: dict[str, object], noise: float, gradients: bool) -> None:
    """Writes one variant."""
    torch.manual_seed(20)
    config = transformers.Wav2Vec2Config(
        vocab_size=32,
        attn_implementation="eager",
        ctc_loss_reduction="sum",
        hidden_dropout=0.0,
        activation_dropout=0.0,
        attention_dropout=0.0,
        feat_proj_dropout=0.0,
        final_dropout=0.0,
        layerdrop=0.0,
        apply_spec_augment=False,
        **fields,
    )
    model = transformers.Wav2Vec2ForCTC(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            # Biases and norms begin at 0 and 1, where a wrong order of axes or a swapped pair would not be seen.
            parameter.add_(noise * torch.randn_like(parameter))
    shutil.rmtree(directory, ignore_errors=True)
    model.save_pretrained(directory)
    random = np.random.RandomState(7)
    waveforms = [random.randn(samples).astype(np.float32) for samples in SAMPLES]
    values: dict[str, np.ndarray] = {}
    loss = torch.zeros(())
    for index, (waveform, labels) in enumerate(zip(waveforms, LABELS, strict=True)):
        # One utterance at a time: the model with group norm knows no padding mask.
        outputs = model(torch.tensor(waveform)[None], labels=torch.tensor([labels]), output_hidden_states=True)
        backbone = model.wav2vec2
        with torch.no_grad():
            features = backbone.feature_extractor(torch.tensor(waveform)[None]).transpose(1, 2)
            projected = backbone.feature_projection(features)[0]
            positions = backbone.encoder.pos_conv_embed(projected)
        values[f"waveform_{index}"] = waveform
        values[f"labels_{index}"] = np.asarray(labels, np.int32)
        values[f"features_{index}"] = features[0].numpy()
        values[f"projected_{index}"] = projected[0].numpy()
        values[f"positions_{index}"] = positions[0].numpy()
        values[f"logits_{index}"] = outputs.logits[0].detach().numpy()
        values[f"loss_{index}"] = outputs.loss.detach().numpy()
        loss = loss + outputs.loss
    if gradients:
        loss.backward()
        for parameter_name, parameter in model.named_parameters():
            if parameter.grad is not None:
                values[f"gradient:{parameter_name}"] = parameter.grad.numpy()
    np.savez_compressed(directory / "reference.npz", **values)


def main() -> None:
    """Writes all variants."""
    parser = argparse.ArgumentParser(description="Makes reference values with PyTorch.")
    parser.add_argument("--full", type=Path, help="write the base architecture to this directory, and nothing else")
    arguments = parser.parse_args()
    if arguments.full:
        make(arguments.full, {}, noise=0.01, gradients=False)
        return
    for name, fields in VARIANTS.items():
        make(HERE / name, {**TINY, **fields}, noise=0.1, gradients=True)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__, "numpy": np.__version__}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
