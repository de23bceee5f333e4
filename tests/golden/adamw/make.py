"""Makes the reference values of this directory with PyTorch's AdamW.

    make reference && .venv-reference/bin/python tests/golden/adamw/make.py

`reference.npz` holds gradients of a few updates of four parameters, and the parameters after each. As in the published
recipes, kernels are decayed and vectors are not. Some gradients are so small that the place of epsilon is seen. The
`head` is updated from the first update on; the others have no gradient in the first two, and count their own updates.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).parent
SHAPES = {"head": (4, 3), "kernel": (3, 2, 4), "bias": (4,), "weight_g": (3, 1, 1)}
DECAYED = ("head", "kernel")
UPDATES = 6
STAGE_BEGINS = 2
RATES = (1e-3, 3e-3, 2e-3, 5e-4, 1e-2, 1e-3)
BETAS = (0.9, 0.98)
EPSILON = 1e-6
WEIGHT_DECAY = 0.1


def main() -> None:
    """Writes the values and the versions."""
    random = np.random.RandomState(3)
    values: dict[str, np.ndarray] = {
        "learning_rates": np.array(RATES, np.float32),
        "betas": np.array(BETAS),
        "epsilon": np.array(EPSILON),
        "weight_decay": np.array(WEIGHT_DECAY),
        "stage_begins": np.array(STAGE_BEGINS),
    }
    parameters = {name: torch.nn.Parameter(torch.tensor(random.randn(*shape), dtype=torch.float32))
                  for name, shape in SHAPES.items()}  # fmt: skip
    for name, parameter in parameters.items():
        values[f"initial:{name}"] = parameter.detach().numpy().copy()
    groups = [
        {"params": [parameters[name] for name in SHAPES if (name in DECAYED) == decayed],
         "weight_decay": WEIGHT_DECAY if decayed else 0.0}
        for decayed in (True, False)
    ]  # fmt: skip
    optimizer = torch.optim.AdamW(groups, lr=1.0, betas=BETAS, eps=EPSILON)
    for update, rate in enumerate(RATES):
        for group in optimizer.param_groups:
            group["lr"] = rate
        for name, parameter in parameters.items():
            if name != "head" and update < STAGE_BEGINS:
                continue
            sizes = 10.0 ** random.uniform(-7, 1, SHAPES[name])
            gradient = (random.choice([-1.0, 1.0], SHAPES[name]) * sizes).astype(np.float32)
            parameter.grad = torch.tensor(gradient)
            values[f"gradient:{update}:{name}"] = gradient
        optimizer.step()
        for name, parameter in parameters.items():
            values[f"value:{update}:{name}"] = parameter.detach().numpy().copy()
    np.savez_compressed(HERE / "reference.npz", **values)
    (HERE / "versions.json").write_text(
        json.dumps({"torch": torch.__version__, "numpy": np.__version__}, indent=2) + "\n"
    )


if __name__ == "__main__":
    main()
