"""Every activation that a config.json can name, against PyTorch's."""

from pathlib import Path

import numpy as np
import pytest

from model.errors import ConfigurationError
from model.layers.activation import activation

GOLDEN = dict(np.load(Path(__file__).parents[2] / "golden" / "wav2vec2" / "activations.npz"))
NAMES = sorted(name.removeprefix("function:") for name in GOLDEN if name.startswith("function:"))


@pytest.mark.parametrize("name", NAMES)
def test_it_agrees_with_pytorch(name):
    values = np.asarray(activation(name)(GOLDEN["values"]))
    np.testing.assert_allclose(values, GOLDEN[f"function:{name}"], rtol=1e-5, atol=1e-6)


def test_one_with_parameters_is_refused():
    assert len(NAMES) == 22
    with pytest.raises(ConfigurationError, match=r"An activation must be one of gelu, gelu_10, .*, not 'prelu'"):
        activation("prelu")
