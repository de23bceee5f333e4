"""Writes the configuration, and the manifest that it may need, and never over what was there."""

from __future__ import annotations

from pathlib import Path

from model.errors import ConfigurationError, UsageError
from model.storage import replacing
from pipeline.config import load_config
from pipeline.own_data.written_manifest import is_same_file, is_written_by_init


def require_free(output: Path, force: bool, recordings: str) -> Path:
    """Returns where the manifest of a configuration lies, if it needs one: beside it, under the same name.

    Args:
      output: The configuration.
      force: Whether an earlier configuration is replaced, with the manifest that was written for it.
      recordings: The folder or the table that is read.

    Raises:
      UsageError: the name is none of a Python file, its directory does not exist, something is there, or the manifest
        would lie where the table lies that is read.
    """
    if output.suffix != ".py":
        raise UsageError(f"--output must be a Python file that ends in .py, not {str(output)!r}.")
    absolute = output.absolute()
    if not absolute.parent.is_dir():
        raise UsageError(f"--output must be in a directory that exists; {absolute.parent} does not.")
    manifest = absolute.with_suffix(".tsv")
    if is_same_file(manifest, Path(recordings).expanduser()):
        raise UsageError(
            f"The manifest of a configuration must be another file than the table that is read, and of {output} it"
            f" would be {manifest} itself; name another --output."
        )
    for path in (absolute, manifest):
        is_ours = path.is_file() and (path == absolute or is_written_by_init(manifest))
        if path.exists() and not (force and is_ours):
            mend = "add --force to replace it, or name another --output" if is_ours else "name another --output"
            raise UsageError(f"w2v2 init writes over no file, and {path} exists; {mend}.")
    return manifest


def write_files(output: Path, text: str, manifest: Path, manifest_text: str) -> None:
    """Writes the manifest, where there is one, then the configuration, and loads it.

    Args:
      output: The configuration.
      text: Its source.
      manifest: Where its manifest lies.
      manifest_text: The content of the manifest; empty where none is needed, and one of an earlier time goes.
    """
    if manifest_text:
        _write(manifest, manifest_text)
    else:
        manifest.unlink(missing_ok=True)
    _write(output.absolute(), text)
    try:
        load_config(str(output))
    except ConfigurationError as error:
        raise ConfigurationError(
            f"The configuration that was written needs a change by hand, so open {output}: {error}"
        ) from error


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
