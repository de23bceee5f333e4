"""Makes the files of this directory with PyTorch, in both formats that `torch.save` ever had.

    make reference && .venv-reference/bin/python tests/golden/torch_files/make.py

The tests say what the files must hold: small numbers that count up. `fairseq_*.pt` has objects like those of fairseq's
checkpoints; the classes are made here, as a pickle holds their names and states only. `versions.json` says what wrote
the files.
"""

from __future__ import annotations

import argparse
import collections
import enum
import json
import pathlib
import sys
import types
import typing

import numpy as np
import safetensors.torch
import torch

HERE = pathlib.Path(__file__).parent


def values(*shape, dtype=torch.float32):
    """Returns 0, 1, 2, … in a shape."""
    return torch.arange(int(np.prod(shape))).reshape(shape).to(dtype)


def tensors():
    base = values(4, 6)
    attributed = values(2)
    attributed.note = "somebody set this"
    module = torch.nn.Linear(2, 3)
    with torch.no_grad():
        module.weight.copy_(values(3, 2))
        module.bias.copy_(values(3))
    parameter = torch.nn.Parameter(values(3))
    return {
        "base": base,
        "transposed": base.T,
        "part": base[1:3, 2:5],
        "every_second": base[:, ::2],
        "diagonal": base.diagonal(),
        "scalar": torch.tensor(7.0),
        "empty": torch.zeros(0, 3),
        "one_row_expanded": base[:1].expand(1, 6),
        "parameter": parameter,
        "attributed": attributed,
        "float64": values(3, dtype=torch.float64),
        "float16": values(3, dtype=torch.float16),
        "bfloat16": values(2, 3, dtype=torch.bfloat16).T,
        "int64": values(3, dtype=torch.int64) - 1,
        "int32": values(3, dtype=torch.int32) - 1,
        "int16": values(3, dtype=torch.int16) - 1,
        "int8": values(3, dtype=torch.int8) - 1,
        "uint8": values(3, dtype=torch.uint8),
        "uint16": values(3, dtype=torch.uint16),
        "bool": torch.tensor([True, False, True]),
        "module": module.state_dict(),
        "plain": [
            1,
            -2,
            2**70,
            1.5,
            True,
            None,
            "text",
            b"\xff\x00",
            b"",
            (1, (2, 3)),
            torch.float16,
            torch.device("cpu"),
            torch.device("cuda", 1),
            torch.Size([2, 3]),
            collections.defaultdict(list, a=[1]),
        ],
    }


def make_class(full_name, bases=(), **content):
    """Makes a class that pickles under a name, and the modules that it must be found in."""
    module_name, _, name = full_name.rpartition(".")
    for end in range(1, module_name.count(".") + 2):
        part = ".".join(module_name.split(".")[:end])
        sys.modules.setdefault(part, types.ModuleType(part))
    made = types.new_class(name, bases, exec_body=lambda body: body.update(content))
    made.__module__, made.__qualname__ = module_name, name
    setattr(sys.modules[module_name], name, made)
    return made


def fairseq_checkpoint():
    dictionary = make_class("fairseq.data.dictionary.Dictionary")()
    dictionary.symbols = ["<s>", "<pad>", "</s>", "<unk>", "|", "E"]
    dictionary.indices = {symbol: index for index, symbol in enumerate(dictionary.symbols)}
    choice = enum.Enum("CHOICE", {"layer_norm": "layer_norm"}, module="fairseq.dataclass.constants")
    make_class("fairseq.dataclass.constants.Unused")
    sys.modules["fairseq.dataclass.constants"].CHOICE = choice
    node = make_class("omegaconf.nodes.AnyNode")
    config = make_class("omegaconf.dictconfig.DictConfig")()
    meters = make_class("fairseq.logging.meters.MetersDict", (collections.OrderedDict,))(loss=1.0)
    leaf = node()
    leaf.__dict__ = {"_val": 768, "_parent": config, "_type": typing.Any}
    config.__dict__ = {"_content": {"encoder_embed_dim": leaf}, "_parent": None}
    return {
        "args": argparse.Namespace(arch="wav2vec2", mode=choice.layer_norm, path=pathlib.PurePosixPath("a/b")),
        "cfg": config,
        "model": collections.OrderedDict([("w2v_encoder.proj.weight", values(2, 3, dtype=torch.float16))]),
        "task_state": {"target_dictionary": dictionary},
        "extra_state": {"best": np.float64(0.5), "meters": meters, "tags": {"a"}},
        "last_optimizer_state": {"state": {0: {"step": 3, "exp_avg": values(2)}}, "param_groups": [{"lr": 0.1}]},
    }


def main():
    """Writes the files."""
    for name, content in (("tensors", tensors()), ("fairseq", fairseq_checkpoint())):
        torch.save(content, HERE / f"{name}_zip.pt")
        # This format has no uint16.
        legacy = {key: value for key, value in content.items() if key != "uint16"}
        torch.save(legacy, HERE / f"{name}_legacy.pt", _use_new_zipfile_serialization=False)
    torch.save({"a": values(2, 3)}, HERE / "protocol_5_zip.pt", pickle_protocol=5)
    script = torch.jit.script(torch.nn.Identity())
    torch.jit.save(script, HERE / "script.pt")
    safetensors.torch.save_file(
        {"float32": values(2, 3), "bfloat16": values(3, dtype=torch.bfloat16), "bool": torch.tensor([True, False])},
        HERE / "tensors.safetensors",
        metadata={"format": "pt"},
    )
    versions = {"torch": torch.__version__, "numpy": np.__version__, "safetensors": safetensors.__version__}
    (HERE / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
