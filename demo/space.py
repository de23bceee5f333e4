"""Assembles a folder that can be pushed as a Hugging Face Space: `python -m demo.space --help`, or `make space`.

<output>/
  README.md, requirements.txt, app.py   what the Space reads and starts
  .gitattributes, .assembled-space      which files are pushed by Git LFS; a mark
  demo/, model/                         the packages
  examples/                             sounds to choose from
  release/                              the ONNX version, with its model card
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from demo.released import released_model, sounds_in
from model.errors import UsageError, W2v2Error
from model.export.release import ONNX, Release
from model.onnx_release import OnnxRelease, description_of
from model.storage import release_digest, replacing_directory, require_replaceable

_HERE = Path(__file__).parent
_ROOT = _HERE.parent
_OUTPUT = Path("dist") / "space"
# By it a folder that was assembled before is known, and replaced; what is pushed from has a history of its own.
_MARKER, _HISTORY = ".assembled-space", ".git"
_ATTRIBUTES = "".join(
    f"*.{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in ("flac", "mp3", "ogg", "onnx", "wav")
)
# A second ONNX file of the same weights, for another library.
_NOT_NEEDED = "onnx_asr/"


def assemble(model: Path, output: Path, examples: Path) -> int:
    """Writes the folder, whole or not at all; returns its size in bytes.

    Args:
      model: A release, or what stands for one; it is opened, and every file is compared with its hash.
      output: Where it goes; what an earlier call left there is replaced.
      examples: The directory of sounds that the Space offers.

    Raises:
      UsageError: there is no such model, or the output holds something else.
      ReleaseError: the release is not whole.
    """
    require_replaceable(output, _MARKER)
    if (output / _HISTORY).exists():
        raise UsageError(
            f"--output must be a folder without a history of its own, and {output} is a Git repository; assemble"
            " elsewhere, and copy the files into it."
        )
    sounds = sounds_in(examples)
    directory = OnnxRelease(model, "logits", ("vocab.json",), check_hashes=True).directory
    with replacing_directory(output) as space:
        for name in ("README.md", "requirements.txt", "app.py"):
            shutil.copyfile(_HERE / name, space / name)
        (space / _MARKER).touch()
        (space / ".gitattributes").write_text(_ATTRIBUTES, encoding="utf-8")
        for package in (_HERE, _ROOT / "model"):
            _copy(package, space / package.name, _code_of(package))
        _copy(examples, space / "examples", (sound.relative_to(examples.resolve()) for sound in sounds))
        _copy_release(directory, space / "release")
        return sum(path.stat().st_size for path in space.rglob("*") if path.is_file())


def _copy(source: Path, target: Path, relative: Iterator[Path]) -> None:
    target.mkdir()
    for path in relative:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / path, target / path)


def _code_of(package: Path) -> Iterator[Path]:
    """Yields the paths of a package's code; its weights and sounds are not the Space's."""
    for suffix in ("py", "css"):
        for path in sorted(package.rglob(f"*.{suffix}")):
            yield path.relative_to(package)


def _copy_release(directory: Path, target: Path) -> None:
    """Copies a version without what only another library reads; its description names what is there."""
    release = description_of(directory)
    files = release.files_of(ONNX) if release is not None else {
        str(path.relative_to(directory)): "" for path in directory.rglob("*") if path.is_file()
    }  # fmt: skip
    kept = [name for name in files if not name.startswith(_NOT_NEEDED)]
    card = [name for name in ("README.md",) if (directory / name).is_file() and name not in kept]
    _copy(directory, target, map(Path, [*kept, *card]))
    if release is not None:
        _part_of(release, kept).write(target)


def _part_of(release: Release, kept: Sequence[str]) -> Release:
    paths = [f"{ONNX}/{name}" for name in kept]
    files = {path: release.files[path] for path in paths}
    sizes = {path: release.sizes_bytes[path] for path in paths}
    return dataclasses.replace(
        release, files=files, sizes_bytes=sizes, release_digest=release_digest(files), format=ONNX
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Assembles the folder, and says what to do with it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo.space", description=str(__doc__).partition("\n")[0])
    parser.add_argument("--model", type=Path, metavar="DIR", help="a release; default: the newest of the workspace")
    parser.add_argument("--workspace", type=Path, metavar="DIR", help="default: $W2V2_WORKSPACE, or ./workspace")
    parser.add_argument("--examples", type=Path, metavar="DIR", default=_HERE / "examples", help="sounds to offer")
    parser.add_argument("--output", type=Path, metavar="DIR", default=_OUTPUT, help=f"default: {_OUTPUT}")
    options = parser.parse_args(arguments)
    try:
        model = released_model(options.model, options.workspace)
        size_bytes = assemble(model, options.output, options.examples)
    except W2v2Error as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    print(f"{options.output} is a Space of {size_bytes / 1e6:.0f} MB, over {model}; docs/demo.md says how to push it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
