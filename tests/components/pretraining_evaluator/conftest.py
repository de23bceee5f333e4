"""Two pre-trained releases, made without the Trainer, and utterances to measure them on."""

from pathlib import Path

import numpy as np
import pytest

from model import load_model
from model.checkpoint import convert_checkpoint, make_random_model
from model.examples import Utterance
from model.export.build import export_release
from model.export.settings import ReleaseSettings

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2"
SPEAKERS = ("1", "2")


@pytest.fixture(scope="session")
def pretrained(tmp_path_factory):
    """A candidate and another model of the same architecture, as releases, and the candidate's model directory."""
    root = tmp_path_factory.mktemp("pretrained")
    convert_checkpoint(GOLDEN / "pretraining", root / "candidate-model")
    loaded = load_model(root / "candidate-model")
    make_random_model(loaded.config, "pretraining", None, root / "other-model", seed=5)
    for name in ("candidate", "other"):
        export_release(root / f"{name}-model", root / name, ReleaseSettings(name=name))
    return {"candidate": root / "candidate", "other": root / "other", "model": loaded}


@pytest.fixture(scope="session")
def speech():
    random = np.random.default_rng(0)
    return [
        Utterance(
            f"{speaker}-7-{number:04d}", speaker, "7", "MF"[int(speaker) - 1], "dev-a", 16_000,
            random.integers(-9_000, 9_000, 9_000 + 1_700 * number).astype(np.int16), "",
        )
        for speaker in SPEAKERS
        for number in range(3)
    ]  # fmt: skip
