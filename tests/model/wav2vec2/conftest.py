"""The tiny models of tests/golden/wav2vec2, converted once."""

from pathlib import Path

import numpy as np
import pytest

from model import load_model
from model.checkpoint import convert_checkpoint

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
