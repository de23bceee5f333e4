"""Small releases, staged to be published."""

import dataclasses
import shutil

import pytest

from model.export.archive import write_archive
from model.export.destinations.destination import Staged
from model.export.release import Format, Release
from model.storage import release_digest, sha256_of_files

FILES = {
    "saved_model": {"saved_model.pb": "a graph", "variables/variables.index": "weights", "assets/vocab.json": "{}"},
    "onnx": {"onnx/model.onnx": "an ONNX graph", "vocab.json": "{}", "config.json": "{}"},
    "checkpoint": {"model.safetensors": "weights", "config.json": "{}"},
}


@dataclasses.dataclass(frozen=True)
class Made:
    """A release, and where its files are."""

    release: Release
    staged: Staged

    @property
    def source(self):
        return self.staged.content


@pytest.fixture
def make(tmp_path):
    """Makes a release of which one format has the content `weights` in one file, and stages that format."""

    def make(weights="weights", format_: Format = "onnx", **changes):
        root = tmp_path / f"made-{weights}-{format_}"
        shutil.rmtree(root, ignore_errors=True)
        for path, text in FILES[format_].items():
            file = root / format_ / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(weights if path == next(iter(FILES[format_])) else text)
        files = sha256_of_files(root)
        release = Release(
            name="base", model_digest="5" * 64, release_digest=release_digest(files), files=files,
            sizes_bytes={name: (root / name).stat().st_size for name in files}, source_checkpoint=None,
            license="apache-2.0", language="en", sample_rate_hz=16_000, versions={}, **changes,
        )  # fmt: skip
        archive = None
        if format_ == "saved_model":
            archive = root / "model.tar.gz"
            write_archive(root / format_, release.files_of("saved_model"), archive)
        (root / format_ / "README.md").write_text("---\nlicense: apache-2.0\n---\n# base\n")
        return Made(release, Staged(root / format_, release, format_, archive))

    return make
