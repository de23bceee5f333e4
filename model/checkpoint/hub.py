"""Checkpoints that are named `hf://owner/name[@revision]`: what is needed of them is downloaded, checked and cached.

The library `huggingface_hub` does the transfer, with its cache, its token and its variables of the environment
(HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_HUB_OFFLINE). It is imported where it is used, because it is slow to
import and most commands need it never.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

from model.checkpoint.hub_library import (
    answers_are_checked,
    answers_are_of_a_hub,
    errors_are_said,
    find_cache,
    find_endpoint,
    is_offline,
    no_hub,
    progress_class,
    quiet_library,
    require_usable_settings,
)
from model.checkpoint.location import WEIGHTS_FILES
from model.checkpoint.readers.byte_file import shown
from model.errors import CheckpointError, DiskFullError, UsageError
from model.storage import replacing, sha256_of_file

SCHEME = "hf://"
DEFAULT_REVISION = "main"
_TIMEOUT_SECONDS = 30

_SMALL_FILES = (
    "config.json",
    "vocab.json",
    "preprocessor_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
_INDEX_SUFFIX = ".index.json"
_MAX_INDEX_BYTES = 16 << 20
_MAX_FILE_BYTES = 1 << 60

# The rules of the hub for names: letters, digits, `_`, `-` and `.`, and none of the latter two at an end.
_NAME = re.compile(r"\w(?:[\w.-]{0,94}\w)?", re.ASCII)
_REVISION_PART = re.compile(r"[\w+][\w.+-]*", re.ASCII)
_FILE_NAME = re.compile(r"\w[\w.-]*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class HubReference:
    """The name of a checkpoint on the hub.

    Attributes:
      owner: The person or organisation.
      name: The repository.
      revision: A branch, a tag or a commit; None stands for the default branch.
    """

    owner: str
    name: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{SCHEME}{self.repository}" + (f"@{self.revision}" if self.revision else "")

    @property
    def repository(self) -> str:
        """The repository's name as the hub writes it, `owner/name`."""
        return f"{self.owner}/{self.name}"


@dataclasses.dataclass(frozen=True)
class DownloadedCheckpoint:
    """A checkpoint of the hub on this machine.

    Attributes:
      directory: Where its files lie, inside the cache; other programs may have put more files there.
      reference: The name that was asked for.
      revision: The commit (40 hexadecimal digits) that the name stood for.
      sha256_by_file: The files that belong to it, and the sha256 (hex) of each.
    """

    directory: Path
    reference: str
    revision: str
    sha256_by_file: dict[str, str]


def parse_hub_reference(text: str) -> HubReference:
    """Reads `hf://owner/name` or `hf://owner/name@revision`.

    Raises:
      UsageError: the text is no such name.
    """
    path, at, revision = text.removeprefix(SCHEME).partition("@")
    parts = path.split("/")
    is_name = len(parts) == 2 and all(_NAME.fullmatch(part) for part in parts) and ".." not in path
    is_revision = not at or (
        ".." not in revision and all(_REVISION_PART.fullmatch(part) for part in revision.split("/"))
    )
    if not text.startswith(SCHEME) or not is_name or not is_revision or "--" in path or path.endswith(".git"):
        raise UsageError(
            f"--checkpoint must be {SCHEME}owner/name or {SCHEME}owner/name@revision, with a branch, tag or"
            f" commit for revision, and not {text!r}; correct the name."
        )
    return HubReference(*parts, revision=revision or None)


def download_checkpoint(reference: HubReference | str, language: str | None = None) -> DownloadedCheckpoint:
    """Downloads a checkpoint's configuration, its vocabulary, and its weights in one form.

    What is in the cache is not fetched again. With HF_HUB_OFFLINE=1 nothing is fetched, and all must be in the cache.

    Args:
      reference: The checkpoint, such as `hf://facebook/wav2vec2-base-960h`.
      language: The language whose adapter is wanted too, such as `deu`; for multilingual (MMS) checkpoints.

    Returns:
      Where it lies. The sha256 of large files is what the server states; offline, it is what they were stored under.

    Raises:
      UsageError: the name, the language, the endpoint or the token is wrong, or offline a file is not in the cache.
      CheckpointError: the repository lacks what a checkpoint needs, or a file is not what the server states.
      TryAgainError: the hub does not answer, or cannot now.
      DiskFullError: there is no room for the files.
    """
    if isinstance(reference, str):
        reference = parse_hub_reference(reference)
    if language is not None and not _FILE_NAME.fullmatch(language):
        raise UsageError(f"A language is named by its code, such as deu, and not {language!r}; correct the code.")
    cache = find_cache()
    folder = cache / f"models--{reference.owner}--{reference.name}"
    endpoint = find_endpoint()
    with errors_are_said(str(reference), endpoint, cache):
        if is_offline():
            repository = _open_cached(reference, cache, folder)
        else:
            repository = _open_hub(reference, endpoint, cache, folder)
        sha256_by_file = {}
        for name in _wanted(reference, repository, language):
            path = repository.fetch(name)
            sha256_by_file[name] = sha256_of_file(path)
            stated = repository.sha256_stated.get(name)
            if stated not in (None, sha256_by_file[name]):
                _remove(path, cache)
                raise CheckpointError(
                    f"The file {name} of {reference} must have the sha256 {stated}, and has {sha256_by_file[name]}; it"
                    " was removed, so download it again."
                )
    return DownloadedCheckpoint(
        folder / "snapshots" / repository.commit, str(reference), repository.commit, sha256_by_file
    )


@dataclasses.dataclass(frozen=True)
class _Repository:
    """A repository at one commit, on the hub or in the cache: its files, what is stated of them, and how to get one."""

    commit: str
    names: Collection[str]
    sha256_stated: dict[str, str]
    fetch: Callable[[str], Path]


def _open_hub(reference: HubReference, endpoint: str, cache: Path, folder: Path) -> _Repository:
    import huggingface_hub

    require_usable_settings()
    revision = reference.revision or DEFAULT_REVISION
    with quiet_library(), answers_are_of_a_hub(endpoint):
        api = huggingface_hub.HfApi(endpoint=endpoint)
        info = api.model_info(reference.repository, revision=revision, files_metadata=True, timeout=_TIMEOUT_SECONDS)
        sizes = {file.rfilename: int(file.size or 0) for file in info.siblings or ()}
        stated = {file.rfilename: str(file.lfs.sha256) for file in info.siblings or () if file.lfs}
        commit = str(info.sha)
    are_names = all(isinstance(name, str) for name in sizes)
    are_sizes = all(0 <= size <= _MAX_FILE_BYTES for size in sizes.values())
    are_digests = all(_SHA256.fullmatch(digest) for digest in stated.values())
    if not (_COMMIT.fullmatch(commit) and are_names and are_sizes and are_digests):
        raise no_hub(endpoint)

    def fetch(name: str) -> Path:
        path = folder / "snapshots" / commit / name
        if path.exists():
            return path
        cache.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(cache).free < sizes[name]:
            raise DiskFullError(
                f"The file system under {cache} must have room for the {sizes[name] / 1e6:,.0f} MB of {name}, and has"
                f" {shutil.disk_usage(cache).free / 1e6:,.0f} MB; free some space, or name another disk by HF_HOME."
            )
        with quiet_library(), answers_are_of_a_hub(endpoint), answers_are_checked(endpoint, commit):
            huggingface_hub.hf_hub_download(
                reference.repository,
                name,
                revision=commit,
                cache_dir=cache,
                endpoint=endpoint,
                tqdm_class=progress_class(name, sizes[name]),
            )
        return path

    if revision != commit:
        # The library keeps this only where it is asked for a branch, and it is asked for a commit, so that all files
        # are of the same. Offline, the branch is found by it.
        with replacing(folder / "refs" / revision) as temporary:
            temporary.write_text(commit, encoding="utf-8")
    return _Repository(commit, sizes.keys(), stated, fetch)


def _open_cached(reference: HubReference, cache: Path, folder: Path) -> _Repository:
    commit = reference.revision or DEFAULT_REVISION
    if not _COMMIT.fullmatch(commit) and (folder / "refs" / commit).is_file():
        commit = (folder / "refs" / commit).read_text(encoding="utf-8", errors="replace").strip()
    directory = folder / "snapshots" / commit
    if not _COMMIT.fullmatch(commit) or not directory.is_dir():
        raise UsageError(
            f"With HF_HUB_OFFLINE set, {reference} must be in the cache {cache}, and is not; unset it, or give the"
            " revision as the commit that is there."
        )
    names = {path.name for path in directory.iterdir() if path.exists()}
    # Large files are stored under their sha256, and the snapshot links to them.
    blobs = {name: (directory / name).readlink().name for name in names if (directory / name).is_symlink()}
    stated = {name: blob for name, blob in blobs.items() if _SHA256.fullmatch(blob)}
    return _Repository(commit, names, stated, lambda name: directory / name)


def _wanted(reference: HubReference, repository: _Repository, language: str | None) -> list[str]:
    """Returns the names of the files that belong to the checkpoint, the small ones first."""
    names = repository.names
    weights = next((name for name in WEIGHTS_FILES if name in names), None)
    if weights is None or "config.json" not in names:
        found = ", ".join(map(shown, sorted(names)[:10])) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
        raise CheckpointError(
            f"A checkpoint must hold config.json and one of {', '.join(WEIGHTS_FILES)}, and {reference} holds"
            f" {found or 'nothing'}; name another repository or revision."
        )
    wanted = [name for name in _SMALL_FILES if name in names] + [weights]
    if weights.endswith(_INDEX_SUFFIX):
        wanted += _shards(reference, repository, weights)
    if language is not None:
        adapters = [f"adapter.{language}.safetensors", f"adapter.{language}.bin"]
        adapter = next((name for name in adapters if name in names), None)
        if adapter is None:
            count = sum(name.startswith("adapter.") for name in names)
            raise UsageError(
                f"The language must be one that {reference} has an adapter for, and of its {count} adapters none is"
                f" {' or '.join(adapters)}; choose another language."
            )
        wanted.append(adapter)
    return wanted


def _shards(reference: HubReference, repository: _Repository, index: str) -> list[str]:
    path = repository.fetch(index)
    try:
        if path.stat().st_size > _MAX_INDEX_BYTES:
            raise CheckpointError(f"The file {index} of {reference} must have at most {_MAX_INDEX_BYTES} bytes.")
        shards = sorted({str(shard) for shard in json.loads(path.read_bytes())["weight_map"].values()})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            f"The file {index} of {reference} must be JSON with a weight_map of names of files, and is not; name"
            " another repository or revision."
        ) from error
    suffix = Path(index.removesuffix(_INDEX_SUFFIX)).suffix
    for shard in shards:
        # A name comes from the repository: it must not lead out of the cache.
        if shard not in repository.names or not _FILE_NAME.fullmatch(shard) or not shard.endswith(suffix):
            raise CheckpointError(
                f"The file {index} of {reference} must name {suffix} files that lie beside it, and names"
                f" {shown(shard)}; name another repository or revision."
            )
    return shards


def _remove(path: Path, cache: Path) -> None:
    """Removes a file of a snapshot, and the blob that it links to, so that it is not taken for good."""
    while path.is_symlink():
        target = Path(os.path.normpath(path.parent / path.readlink()))
        path.unlink()
        path = target
    if path.is_relative_to(cache):
        path.unlink(missing_ok=True)
