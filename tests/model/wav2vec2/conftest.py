"""The tiny models of tests/golden/wav2vec2, converted once."""

from pathlib import Path

import numpy as np
import pytest

from model import load_model
from model.checkpoint import convert_checkpoint
from model.checkpoint.table import rows, to_ours

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2"


@pytest.fixture(scope="session")
def converted(tmp_path_factory):
    """Gives a variant's opened model directory and its reference values."""
    root = tmp_path_factory.mktemp("converted")
    done = {}

    def convert(variant):
        if variant not in done:
            convert_checkpoint(GOLDEN / variant, root / variant)
            done[variant] = load_model(root / variant), dict(np.load(GOLDEN / variant / "reference.npz"))
        return done[variant]

    return convert


@pytest.fixture
def losses():
    """Gives a variant's reference losses of a padded batch, with their gradients."""

    def load(variant):
        return dict(np.load(GOLDEN / variant / "losses.npz"))

    return load


@pytest.fixture
def assert_gradients():
    """Holds the gradient of every variable against the reference: to 1e-3 of its norm.

    Of a variable whose gradient is 0 but for rounding, such as the bias of a key, only the size can be held against
    that of all gradients together.
    """

    def check(model, tape, loss, reference, prefix="gradient:"):
        table = {row.variable: row for row in rows(model.config, model.head)}
        variables = {
            name: variable
            for name, variable in model.named_weights().items()
            if not name.endswith(("moving_mean", "moving_variance"))
        }
        gradients = dict(zip(variables, tape.gradient(loss, [v.value for v in variables.values()]), strict=True))
        known = {name: gradient for name, gradient in gradients.items() if gradient is not None}
        compared = {name: f"{prefix}{table[name].sources[0]}" for name in known}
        assert set(compared.values()) == {name for name in reference if name.startswith(prefix)}
        total = np.sqrt(sum(np.sum(np.square(reference[name])) for name in compared.values()))
        for variable, name in compared.items():
            expected = to_ours(table[variable].axes, reference[name])
            error = np.linalg.norm(known[variable].numpy() - expected)
            assert error <= 1e-3 * max(np.linalg.norm(expected), 1e-6 * total), variable

    return check
