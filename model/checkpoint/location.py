"""Where the files of a checkpoint lie: in a directory, as one file, or on the Hub."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from model.errors import CheckpointError, UsageError

HUB_PREFIX = "hf://"

# Where a directory or a repository holds several, the best first: safetensors can do no harm, and the ancestor's form
# is the least complete.
WEIGHTS_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "tf_model.h5",
)
_FAIRSEQ_SUFFIX = ".pt"
# Beside a checkpoint that was published by this project: what it is called.
_RELEASE_FILE = "RELEASE.json"
_BESIDE = (
    "config.json",
    "vocab.json",
    "preprocessor_config.json",
    "tokenizer_config.json",
    "added_tokens.json",
    "dict.ltr.txt",
)


@dataclasses.dataclass(frozen=True)
class CheckpointFiles:
    """A checkpoint's files on this machine.

    Attributes:
      name: What reports call it: the name of its directory, of its `.pt` file, or its address on the Hub.
      directory: Where its files lie.
      weights: The file with the weights, or the index of its shards.
      revision: The commit on the Hub; empty where it did not come from there.
    """

    name: str
    directory: Path
    weights: Path
    revision: str = ""

    @property
    def pinned(self) -> str:
        """What names these very files, now and later: a path, or the address on the Hub with the commit."""
        return f"{self.name}@{self.revision}" if self.revision else str(self.weights)

    @property
    def description(self) -> list[Path]:
        """The files beside the weights that describe the model, those that are there."""
        return [self.directory / name for name in _BESIDE if (self.directory / name).is_file()]


def find_checkpoint(source: str | Path, language: str | None = None) -> CheckpointFiles:
    """Finds a checkpoint; one on the Hub is downloaded to the Hub's cache.

    Args:
      source: A directory, a file with weights, or `hf://owner/name[@revision]`.
      language: That of an MMS model whose adapter is to be used; it is downloaded, too.

    Raises:
      UsageError: there is no such checkpoint.
      CheckpointError: there are no weights in it, or they are of a kind that this version does not read.
      TryAgainError: the Hub does not answer.
    """
    text = str(source)
    if text.startswith(HUB_PREFIX):
        from model.checkpoint.hub import download_checkpoint

        downloaded = download_checkpoint(text, language)
        return CheckpointFiles(
            text.partition("@")[0], downloaded.directory, _weights_in(downloaded.directory), downloaded.revision
        )
    if "://" in text:
        raise UsageError(f"--checkpoint must be a directory, a file, or {HUB_PREFIX}owner/name, not {text!r}.")
    try:
        path = Path(source).expanduser()
        is_directory, is_file = path.is_dir(), path.is_file()
    except (OSError, RuntimeError) as error:
        raise UsageError(f"--checkpoint must be a directory or a file that can be read: {error}.") from error
    if is_directory:
        return CheckpointFiles(_name_of(path), path, _weights_in(path))
    if not is_file:
        raise UsageError(
            f"--checkpoint must be a directory or a file that exists, or {HUB_PREFIX}owner/name; {path} does not exist."
        )
    if path.name in WEIGHTS_FILES:
        return CheckpointFiles(_name_of(path.parent), path.parent, path)
    if path.suffix == _FAIRSEQ_SUFFIX:
        return CheckpointFiles(path.name, path.parent, path)
    raise CheckpointError(
        f"A checkpoint's weights must be one of {', '.join(WEIGHTS_FILES)} or fairseq's *{_FAIRSEQ_SUFFIX}, not"
        f" {path.name}; name the checkpoint's directory."
    )


def _name_of(directory: Path) -> str:
    """Returns a directory's name; of a version that was published here, whose directory is a number, the model's."""
    try:
        value = json.loads((directory / _RELEASE_FILE).read_text(encoding="utf-8"))
        return f"{value['name']}, version {value['version']}"
    except (OSError, ValueError, KeyError, TypeError):
        return directory.resolve().name


def _weights_in(directory: Path) -> Path:
    for name in WEIGHTS_FILES:
        if (directory / name).is_file():
            return directory / name
    fairseq = sorted(directory.glob(f"*{_FAIRSEQ_SUFFIX}"))
    if len(fairseq) == 1:
        return fairseq[0]
    if fairseq:
        names = ", ".join(path.name for path in fairseq)
        raise CheckpointError(f"{directory} must hold one checkpoint, and holds {names}; name the one that you mean.")
    raise CheckpointError(
        f"The checkpoint {directory} must hold its weights, one of {', '.join(WEIGHTS_FILES)} or fairseq's"
        f" *{_FAIRSEQ_SUFFIX}, and does not; download it again."
    )
