"""A published checkpoint, read: its architecture, vocabulary and preprocessing, and where each of its tensors lies.

Three layouts exist: that of Hugging Face transformers (`config.json` beside the weights, which may be sharded), that
of fairseq (one `.pt` with everything in it), and that of the GSoC'21 project (`config.json` with its own field names
beside `tf_model.h5`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.checkpoint.json_object import read_json_object
from model.checkpoint.location import CheckpointFiles, find_checkpoint
from model.checkpoint.readers.stored_tensor import StoredTensor
from model.checkpoint.table import SourceLayout
from model.checkpoint.vocabulary import fairseq_vocabulary, published_vocabulary
from model.config import Head, Wav2Vec2Config
from model.errors import CheckpointError, UsageError
from model.text import Vocabulary

DEFAULT_PREPROCESSOR: Mapping[str, Any] = {
    "do_normalize": True,
    "feature_extractor_type": "Wav2Vec2FeatureExtractor",
    "feature_size": 1,
    "padding_side": "right",
    "padding_value": 0.0,
    "return_attention_mask": False,
    "sampling_rate": 16000,
}

_ADAPTER_SUFFIXES = (".safetensors", ".bin")


@dataclasses.dataclass(frozen=True)
class PublishedCheckpoint:
    """What a checkpoint holds.

    Attributes:
      files: Where it lies.
      layout: Who wrote it.
      config: The architecture.
      head: What stands on the backbone.
      vocabulary: The tokens of the CTC head; None without one.
      preprocessor: The content of `preprocessor_config.json`.
      tensors: The tensors by the name that they have in the file; their values are still there.
      weights: The files that hold them.
    """

    files: CheckpointFiles
    layout: SourceLayout
    config: Wav2Vec2Config
    head: Head
    vocabulary: Vocabulary | None
    preprocessor: dict[str, Any]
    tensors: dict[str, StoredTensor]
    weights: tuple[Path, ...]

    def require_vocabulary(self) -> Vocabulary:
        """Returns the vocabulary.

        Raises:
          CheckpointError: the checkpoint has no CTC head.
        """
        if self.vocabulary is None:
            raise CheckpointError(
                f"The checkpoint {self.files.name} must have a CTC head, with a vocabulary, to be fine-tuned and"
                " evaluated, and has none: it is a pre-trained backbone; choose one that was fine-tuned."
            )
        return self.vocabulary


def read_checkpoint(source: str | Path, language: str | None = None) -> PublishedCheckpoint:
    """Finds a checkpoint and reads all but the values of its tensors.

    Args:
      source: As in `find_checkpoint`.
      language: The language of an MMS model, such as `fra`: its adapter and head take the place of those in the
        checkpoint. None for those that the checkpoint itself holds.

    Raises:
      UsageError: there is no such checkpoint, or it has no such language.
      CheckpointError: a file is missing, cannot be read, or describes no model of ours.
      TryAgainError: the Hub does not answer.
    """
    files = find_checkpoint(source, language)
    if files.weights.suffix == ".h5":
        checkpoint = _read_ancestor(files)
    elif files.weights.suffix in (".pt", ".bin"):
        from model.checkpoint.readers.torch_file import read_torch

        content = read_torch(files.weights)
        if isinstance(content, dict) and "model" in content and not isinstance(content["model"], StoredTensor):
            checkpoint = _read_fairseq(files, content)
        else:
            tensors = _state_dict(content, files.weights)
            checkpoint = _read_huggingface(files, tensors, (files.weights,), language)
    elif files.weights.suffix == ".json":
        from model.checkpoint.readers.sharded import read_sharded

        checkpoint = _read_huggingface(files, read_sharded(files.weights), _shards(files.weights), language)
    else:
        from model.checkpoint.readers.safetensors_file import read_safetensors

        checkpoint = _read_huggingface(files, read_safetensors(files.weights), (files.weights,), language)
    if language is not None and checkpoint.layout != "huggingface":
        raise UsageError(f"--language must be left out: {files.name} has no adapters for languages.")
    return checkpoint


def _read_huggingface(
    files: CheckpointFiles, tensors: dict[str, StoredTensor], weights: tuple[Path, ...], language: str | None
) -> PublishedCheckpoint:
    fields = _read_config(files.directory)
    if language is not None:
        path = _adapter_file(files, language)
        tensors, fields = _with_adapter(tensors, fields, path)
        weights = (*weights, path)
    config = Wav2Vec2Config.from_published(fields)
    head: Head = "none"
    if "lm_head.weight" in tensors:
        head = "ctc"
    elif "quantizer.codevectors" in tensors:
        head = "pretraining"
    vocabulary = published_vocabulary(files.directory, config, language) if head == "ctc" else None
    preprocessor = _read_preprocessor(files.directory)
    return PublishedCheckpoint(files, "huggingface", config, head, vocabulary, preprocessor, tensors, weights)


def _read_fairseq(files: CheckpointFiles, content: dict[str, Any]) -> PublishedCheckpoint:
    from model.checkpoint.fairseq import describe_fairseq

    description = describe_fairseq(content, str(files.weights))
    tensors = description.tensors
    fields = dict(description.fields)
    head: Head = "none"
    if "w2v_encoder.proj.weight" in tensors:
        head = "ctc"
        # The head says how many tokens there are; the settings do not.
        fields |= {"vocab_size": tensors["w2v_encoder.proj.weight"].shape[0], "pad_token_id": 0}
    elif "quantizer.vars" in tensors:
        head = "pretraining"
    config = Wav2Vec2Config.from_published(fields)
    vocabulary = None
    if head == "ctc":
        vocabulary = fairseq_vocabulary(description.vocabulary, files.directory, config)
    preprocessor = {
        **DEFAULT_PREPROCESSOR,
        "do_normalize": description.do_normalize,
        "return_attention_mask": config.feat_extract_norm == "layer",
    }
    return PublishedCheckpoint(
        files, "fairseq", config, head, vocabulary, preprocessor, dict(tensors), (files.weights,)
    )


def _read_ancestor(files: CheckpointFiles) -> PublishedCheckpoint:
    from model.checkpoint.ancestor import ancestor_fields, is_ancestor_config
    from model.checkpoint.readers.keras_h5_file import read_keras_h5

    fields = _read_config(files.directory)
    if not is_ancestor_config(fields):
        raise CheckpointError(
            f"{files.weights} is read in the form of the GSoC'21 project only, whose config.json has fields such as"
            f" num_heads and kernal_sizes, and the one in {files.directory} has not; save the checkpoint as"
            " safetensors."
        )
    config = Wav2Vec2Config.from_published(ancestor_fields(fields, str(files.directory / "config.json")))
    tensors = read_keras_h5(files.weights)
    head: Head = "ctc" if any(name.startswith("lm_head/") for name in tensors) else "none"
    vocabulary = published_vocabulary(files.directory, config, None) if head == "ctc" else None
    preprocessor = _read_preprocessor(files.directory)
    return PublishedCheckpoint(files, "ancestor", config, head, vocabulary, preprocessor, tensors, (files.weights,))


def _read_config(directory: Path) -> dict[str, Any]:
    path = directory / "config.json"
    if not path.is_file():
        raise CheckpointError(f"The checkpoint {directory} must hold config.json, and does not; download it again.")
    return read_json_object(path)


def _state_dict(content: Any, path: Path) -> dict[str, StoredTensor]:
    if not isinstance(content, dict) or not all(isinstance(value, StoredTensor) for value in content.values()):
        raise CheckpointError(
            f"{path} must hold tensors by name, or a checkpoint of fairseq with its «model»; it holds something else:"
            " save the model's state_dict alone."
        )
    return {str(name): tensor for name, tensor in content.items()}


def _shards(index: Path) -> tuple[Path, ...]:
    from model.checkpoint.readers.sharded import read_index

    return (index, *(index.parent / name for name in sorted(set(read_index(index).values()))))


def _adapter_file(files: CheckpointFiles, language: str) -> Path:
    # Chosen from what is there: the name of a language leads nowhere else.
    adapters = {path.name: path for suffix in _ADAPTER_SUFFIXES for path in files.directory.glob(f"adapter.*{suffix}")}
    for suffix in _ADAPTER_SUFFIXES:
        if f"adapter.{language}{suffix}" in adapters:
            return adapters[f"adapter.{language}{suffix}"]
    there = sorted({name.removeprefix("adapter.").rpartition(".")[0] for name in adapters})
    raise UsageError(
        f"--language must be one that {files.name} has an adapter for, not {language!r}; on this machine it has"
        f" {', '.join(there) or 'none'}."
    )


def _with_adapter(
    tensors: dict[str, StoredTensor], fields: dict[str, Any], path: Path
) -> tuple[dict[str, StoredTensor], dict[str, Any]]:
    """Puts an adapter's tensors in the place of the checkpoint's; the size of the vocabulary goes with its head."""
    if path.suffix == ".safetensors":
        from model.checkpoint.readers.safetensors_file import read_safetensors

        adapter = read_safetensors(path)
    else:
        from model.checkpoint.readers.torch_file import read_torch

        adapter = _state_dict(read_torch(path), path)
    # All of them: what stayed behind would be of another language.
    of_language = {name for name in tensors if ".adapter_layer." in name or name.startswith("lm_head.")}
    strange, missing = sorted(set(adapter) - set(tensors)), sorted((of_language | {"lm_head.weight"}) - set(adapter))
    if strange or missing:
        problem = f"holds {', '.join(strange[:3])}" if strange else f"does not hold {', '.join(missing[:3])}"
        raise CheckpointError(
            f"{path} must hold the adapter layers and the lm_head of the checkpoint beside it, and nothing else; it"
            f" {problem}; download it again."
        )
    # A head of no rows is refused with the configuration.
    return {**tensors, **adapter}, {**fields, "vocab_size": next(iter(adapter["lm_head.weight"].shape), 0)}


def _read_preprocessor(directory: Path) -> dict[str, Any]:
    path = directory / "preprocessor_config.json"
    if not path.exists():
        return dict(DEFAULT_PREPROCESSOR)
    value = read_json_object(path)
    rate_hz = value.get("sampling_rate", 16000)
    if rate_hz != 16000:
        raise CheckpointError(f"{path} must have sampling_rate 16000, which the corpus has, not {rate_hz!r}.")
    return value
