"""Makes the weights of one tiny checkpoint in the containers that PyTorch writes, for the tests of conversion.

    make reference && .venv-reference/bin/python tests/golden/checkpoints/make.py

All hold the tensors of `tests/golden/wav2vec2/layer_pre_norm/model.safetensors`, and so must become the same model:
`pytorch_model.bin` in the zip format; `legacy.bin` in the format before PyTorch 1.6, with the names of weight norm of
that time; and two shards with their index. `adapter.fra.bin` is an adapter for the variant `attention_adapter` there,
with a head of 28 tokens. `versions.json` says what wrote them. The legacy file names its storages by address, so its
bytes differ from run to run.
"""

from __future__ import annotations

import json
from pathlib import Path

import safetensors.torch
import torch

HERE = Path(__file__).parent
WAV2VEC2 = HERE.parent / "wav2vec2"
FRENCH_TOKENS = 28


def main() -> None:
    """Writes all files."""
    tensors = safetensors.torch.load_file(WAV2VEC2 / "layer_pre_norm" / "model.safetensors")
    torch.save(tensors, HERE / "pytorch_model.bin")

    spelling = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    old = dict(tensors)
    for new_name, old_name in spelling.items():
        prefix = "wav2vec2.encoder.pos_conv_embed.conv."
        old[prefix + old_name] = old.pop(prefix + new_name)
    torch.save(old, HERE / "legacy.bin", _use_new_zipfile_serialization=False)

    names = sorted(tensors)
    shards = {"pytorch_model-00001-of-00002.bin": names[::2], "pytorch_model-00002-of-00002.bin": names[1::2]}
    for file, members in shards.items():
        torch.save({name: tensors[name] for name in members}, HERE / file)
    index = {
        "metadata": {"total_size": sum(tensor.nbytes for tensor in tensors.values())},
        "weight_map": {name: file for file, members in shards.items() for name in members},
    }
    (HERE / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")

    torch.manual_seed(22)
    multilingual = safetensors.torch.load_file(WAV2VEC2 / "attention_adapter" / "model.safetensors")
    adapter = {name: torch.randn_like(tensor) for name, tensor in multilingual.items() if ".adapter_layer." in name}
    adapter["lm_head.weight"] = torch.randn(FRENCH_TOKENS, multilingual["lm_head.weight"].shape[1])
    adapter["lm_head.bias"] = torch.randn(FRENCH_TOKENS)
    torch.save(adapter, HERE / "adapter.fra.bin")

    versions = {"torch": torch.__version__, "safetensors": safetensors.__version__}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
