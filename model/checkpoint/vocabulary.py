"""The vocabulary of a checkpoint in one form: the blank is `<pad>`, the unknown token `<unk>`, words part at `|`.

Published checkpoints name these as they like: fine-tuned ones often say `[PAD]` and `[UNK]`, and keep tokens that were
added later in `added_tokens.json`; MMS models have a vocabulary for each language.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.checkpoint.fairseq_dictionary import read_fairseq_dictionary
from model.checkpoint.json_object import read_json_object
from model.config import Wav2Vec2Config
from model.errors import CheckpointError, UsageError
from model.text import PAD_TOKEN, UNKNOWN_TOKEN, WORD_DELIMITER_TOKEN, Vocabulary, librispeech_vocabulary

# What an MMS checkpoint holds the adapter of, where nothing else is said; so it is in transformers.
_DEFAULT_LANGUAGE = "eng"


def published_vocabulary(directory: Path, config: Wav2Vec2Config, language: str | None) -> Vocabulary:
    """Reads the vocabulary beside a checkpoint of transformers' layout.

    Args:
      directory: Where its files lie.
      config: Its architecture: the size of the vocabulary, and the id of the blank.
      language: As in `read_checkpoint`.

    Raises:
      UsageError: there is no such language.
      CheckpointError: there is no vocabulary, or it does not fit the architecture.
    """
    path = directory / "vocab.json"
    if not path.exists():
        usual = librispeech_vocabulary()
        if (config.vocab_size, config.pad_token_id) == (len(usual.tokens), usual.blank_id):
            return usual
        raise CheckpointError(
            f"The checkpoint {directory} must have a vocab.json that names its {config.vocab_size} tokens, the CTC"
            f" blank at {config.pad_token_id}, and has none; add it."
        )
    tokenizer = _read_object(directory / "tokenizer_config.json")
    ids = _of_language(_read_object(path), language, tokenizer, path)
    # Tokens that were added after the head had been made have no place in it.
    added_path = directory / "added_tokens.json"
    for added in (_ids(_read_object(added_path), added_path), _added_tokens(tokenizer)):
        taken = set(ids.values())
        ids |= {
            token: index
            for token, index in added.items()
            if index < config.vocab_size and token not in ids and index not in taken
        }
    if len(ids) != config.vocab_size:
        raise CheckpointError(
            f"{path} must name as many tokens as config.json says, {config.vocab_size}; it names {len(ids)}."
        )
    delimiter = _token(tokenizer, "word_delimiter_token") or WORD_DELIMITER_TOKEN
    if delimiter != WORD_DELIMITER_TOKEN and delimiter in ids:
        raise CheckpointError(
            f"Words must be parted by the token {WORD_DELIMITER_TOKEN!r}, and {directory} parts them by {delimiter!r};"
            " choose another checkpoint."
        )
    return _in_one_form(ids, config, tokenizer, path)


def fairseq_vocabulary(tokens: tuple[str, ...] | None, directory: Path, config: Wav2Vec2Config) -> Vocabulary:
    """Returns the vocabulary of a fairseq checkpoint: its own, or that of the `dict.ltr.txt` beside it.

    Args:
      tokens: The tokens by id that the checkpoint holds, in the published naming; None where it holds none.
      directory: Where it lies.
      config: Its architecture.

    Raises:
      CheckpointError: there is none, or it does not fit the architecture.
    """
    path = directory / "dict.ltr.txt"
    if tokens is None and path.is_file():
        tokens = read_fairseq_dictionary(path)
    if tokens is None and config.vocab_size == len(librispeech_vocabulary().tokens):
        raise CheckpointError(
            f"A checkpoint of fairseq must have its dictionary in it or beside it, and there is none in {directory};"
            " put the dict.ltr.txt of the training there."
        )
    if tokens is None or len(tokens) != config.vocab_size:
        found = "none" if tokens is None else f"{len(tokens)} tokens"
        raise CheckpointError(
            f"The dictionary of a fairseq checkpoint must name the {config.vocab_size} tokens of its head; {directory}"
            f" has {found}: put the dict.ltr.txt of the training there."
        )
    return Vocabulary(tokens=tokens)


def _read_object(path: Path) -> dict[str, Any]:
    return read_json_object(path) if path.exists() else {}


def _token(tokenizer: Mapping[str, Any], name: str) -> str | None:
    """Returns a special token of `tokenizer_config.json`: some write its text, some an object with the text in it."""
    value = tokenizer.get(name)
    if isinstance(value, Mapping):
        value = value.get("content")
    return value if isinstance(value, str) else None


def _added_tokens(tokenizer: Mapping[str, Any]) -> dict[str, int]:
    """Returns what newer files say in `tokenizer_config.json`, with or without an `added_tokens.json` beside it."""
    entries = tokenizer.get("added_tokens_decoder")
    if not isinstance(entries, Mapping):
        return {}
    # No head has an id of ten digits.
    indices = [index for index in entries if index.isascii() and index.isdigit() and len(index) < 10]
    return {token: int(index) for index in indices if (token := _token(entries, index)) is not None}


def _of_language(
    value: dict[str, Any], language: str | None, tokenizer: Mapping[str, Any], path: Path
) -> dict[str, int]:
    if not value or not all(isinstance(item, dict) for item in value.values()):
        return _ids(value, path)
    chosen = language or _token(tokenizer, "target_lang") or _DEFAULT_LANGUAGE
    if chosen not in value:
        raise UsageError(
            f"--language must be one of the {len(value)} languages in {path}, such as {', '.join(sorted(value)[:5])},"
            f" not {chosen!r}."
        )
    return _ids(value[chosen], path)


def _ids(value: dict[str, Any], path: Path) -> dict[str, int]:
    for token, index in value.items():
        if not isinstance(index, int) or isinstance(index, bool):
            raise CheckpointError(f"{path} must give each token a whole number; {token!r} has {index!r}.")
    return dict(value)


def _in_one_form(ids: dict[str, int], config: Wav2Vec2Config, tokenizer: Mapping[str, Any], path: Path) -> Vocabulary:
    token_by_id = {index: token for token, index in ids.items()}
    blank = config.pad_token_id
    pads = (_token(tokenizer, "pad_token"), PAD_TOKEN, "[PAD]")
    pad = next((ids[token] for token in pads if token in ids), blank)
    if pad != blank:
        raise CheckpointError(
            f"The CTC blank must be the same token in {path} ({pad}) and in config.json ({blank}); correct pad_token_id"
            " there if the model was trained so."
        )
    if blank in token_by_id and ids.get(PAD_TOKEN, blank) == blank:
        token_by_id[blank] = PAD_TOKEN
    unknown = _token(tokenizer, "unk_token") or "[UNK]"
    if UNKNOWN_TOKEN not in ids and unknown in ids and ids[unknown] != blank:
        token_by_id[ids[unknown]] = UNKNOWN_TOKEN
    try:
        vocabulary = Vocabulary.from_mapping({token: index for index, token in token_by_id.items()})
    except CheckpointError as error:
        raise CheckpointError(f"{path} must be a vocabulary, an object of id by token: {error}") from error
    if vocabulary.blank_id != blank:
        raise CheckpointError(
            f"The CTC blank must be one token in {path}, and both {vocabulary.blank_id} ({PAD_TOKEN}) and {blank} are"
            " called so; remove the other one."
        )
    return vocabulary
