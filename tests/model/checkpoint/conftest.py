"""Tiny checkpoints to spoil, and what conversion makes of them when they are whole."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import safetensors.numpy

from model import load_model
from model.checkpoint import convert_checkpoint
from model.errors import CheckpointError

GOLDEN = Path(__file__).parents[2] / "golden"


@dataclasses.dataclass(frozen=True)
class TinyCheckpoint:
    """A checkpoint in a directory of its own."""

    path: Path

    def change_tensors(self, change, name="model.safetensors"):
        """Lets a function change the tensors, a dict of arrays by name, in place."""
        tensors = self.tensors(name)
        change(tensors)
        safetensors.numpy.save_file(tensors, self.path / name, metadata={"format": "pt"})

    def tensors(self, name="model.safetensors"):
        return safetensors.numpy.load_file(self.path / name)

    def change_config(self, remove=(), **fields):
        config = json.loads((self.path / "config.json").read_text()) | fields
        self.write("config.json", {name: value for name, value in config.items() if name not in remove})

    def write(self, name, value):
        """Writes a file: text as it is, anything else as JSON."""
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        (self.path / name).write_text(text, encoding="utf-8")


@pytest.fixture
def copy_of(tmp_path):
    """Makes a copy of a golden checkpoint, without its reference values."""

    def copy(variant="layer_pre_norm"):
        path = tmp_path / "checkpoint"
        shutil.copytree(GOLDEN / "wav2vec2" / variant, path, ignore=shutil.ignore_patterns("reference.npz"))
        return TinyCheckpoint(path)

    return copy


@pytest.fixture
def checkpoint(copy_of):
    """A copy of a small checkpoint with a CTC head and the usual vocabulary."""
    return copy_of()


@dataclasses.dataclass(frozen=True)
class Conversion:
    """A golden checkpoint, the report of its conversion, and the opened model directory."""

    source: Path
    directory: Path
    report: dict
    loaded: object


@pytest.fixture(scope="session")
def converted(tmp_path_factory):
    """Converts a golden checkpoint, each once."""
    root = tmp_path_factory.mktemp("converted")
    done = {}

    def convert(variant, family="wav2vec2"):
        if variant not in done:
            source, directory = GOLDEN / family / variant, root / variant
            report = convert_checkpoint(source, directory)
            done[variant] = Conversion(source, directory, report, load_model(directory))
        return done[variant]

    return convert


@pytest.fixture
def digest_of(tmp_path):
    """Converts a checkpoint and returns the digest of the model."""

    def digest(source, **options):
        convert_checkpoint(source, tmp_path / "model", **options)
        return load_model(tmp_path / "model").digest

    return digest


@pytest.fixture
def refuses(tmp_path):
    """Checks that a conversion ends in one sentence that matches, and that it writes nothing."""

    def check(source, message, error=CheckpointError, **options):
        place = tmp_path / "output"
        earlier = place / "earlier"
        earlier.mkdir(parents=True)
        (earlier / "MANIFEST.json").write_text("an earlier model")
        for output in (place / "new", earlier):
            with pytest.raises(error, match=message) as caught:
                convert_checkpoint(source, output, **options)
            assert "\n" not in str(caught.value)
        assert [path.relative_to(place).as_posix() for path in sorted(place.rglob("*"))] == [
            "earlier",
            "earlier/MANIFEST.json",
        ]
        assert (earlier / "MANIFEST.json").read_text() == "an earlier model"

    return check
