"""What a fairseq checkpoint says of its model, in the fields of the published `config.json`.

Source: facebookresearch/fairseq, `models/wav2vec/wav2vec2.py` and `wav2vec2_asr.py`, `models/hubert/hubert.py` and
`hubert_asr.py`, which give the settings, their defaults and how fine-tuning overrides those of pre-training; Hugging
Face transformers' conversion of these checkpoints, which gives the published names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from model.checkpoint.fairseq_dictionary import read_fairseq_dictionary, tokens_of_dictionary
from model.checkpoint.fairseq_fields import (
    architecture_fields,
    not_published,
    quantizer_fields,
    refuse_the_unpublished,
    regularisation_fields,
)
from model.checkpoint.fairseq_settings import FairseqSettings, unwrap
from model.checkpoint.readers.byte_file import shown
from model.checkpoint.readers.stored_tensor import StoredTensor
from model.errors import CheckpointError

__all__ = ["HEAD_WEIGHT", "FairseqDescription", "describe_fairseq", "read_fairseq_dictionary"]

HEAD_WEIGHT = "w2v_encoder.proj.weight"

# fairseq's names of a fine-tuned model, and the pre-trained model that it holds where that has no name of its own.
_CTC_MODELS: Mapping[str, str] = {"wav2vec_ctc": "wav2vec2", "hubert_ctc": "hubert"}
_BACKBONES = ("wav2vec2", "hubert")

# The settings of fine-tuning that replace those of pre-training, as fairseq's Wav2VecEncoder and HubertEncoder do, by
# the name that they then have.
_OVERRIDES: Mapping[str, str] = {
    "dropout": "dropout",
    "activation_dropout": "activation_dropout",
    "dropout_input": "dropout_input",
    "attention_dropout": "attention_dropout",
    "mask_length": "mask_length",
    "mask_prob": "mask_prob",
    "mask_channel_length": "mask_channel_length",
    "mask_channel_prob": "mask_channel_prob",
    "layerdrop": "encoder_layerdrop",
    "layer_type": "layer_type",
}


@dataclasses.dataclass(frozen=True)
class FairseqDescription:
    """What a fairseq checkpoint says of its model.

    Attributes:
      fields: Fields of the published `config.json`, plain JSON values. `vocab_size` is there for a fine-tuned model
        only; the fields of the quantizer where there was one.
      tensors: The tensors by fairseq's names.
      vocabulary: The tokens of the head by id, in the published naming, the blank first; None where the checkpoint
        holds no dictionary (the older ones have it in a `dict.ltr.txt`) or no head.
      do_normalize: Whether each waveform is normalised to zero mean and unit variance, as fairseq was told.
    """

    fields: dict[str, Any]
    tensors: dict[str, StoredTensor]
    vocabulary: tuple[str, ...] | None
    do_normalize: bool


def describe_fairseq(content: Any, where: str) -> FairseqDescription:
    """Describes the content of a fairseq checkpoint; no weight is read.

    A mask's probability keeps its value: `mask_time_prob` of transformers is the share of frames that fairseq's
    `mask_prob` is, though early published files divided it by the length.

    Args:
      content: The unpickled checkpoint: `args` or `cfg`, `model` and `task_state`.
      where: The file, for messages.

    Raises:
      CheckpointError: it is no such checkpoint, or it asks for something that the published architecture has not.
    """
    weights = unwrap(content.get("model")) if isinstance(content, Mapping) else None
    if not isinstance(weights, Mapping):
        raise CheckpointError(
            f"{where} must hold a checkpoint of fairseq, with its weights under «model», and does not; give the file"
            " that fairseq wrote."
        )
    tensors = _tensors(weights, where)
    model, task = _sections(content, where)
    name = _model_name(model)
    head = None
    if name in _CTC_MODELS or model.get("w2v_args") is not None or HEAD_WEIGHT in tensors:
        if name and name not in _CTC_MODELS:
            raise not_published("_name", name, "another model", where)
        if HEAD_WEIGHT not in tensors or len(tensors[HEAD_WEIGHT].shape) != 2:
            raise CheckpointError(
                f"The fine-tuned model of {where} must have a CTC head, a matrix {HEAD_WEIGHT}, and has none; choose a"
                " checkpoint of wav2vec_ctc or hubert_ctc."
            )
        if model.number("blank_weight", 0.0) != 0.0:
            raise not_published("blank_weight", model.get("blank_weight"), "a shifted blank", where)
        head, backbone, inner_task = model, *_pretrained_sections(model)
        name = _model_name(backbone) or _CTC_MODELS.get(name, "wav2vec2")
        _require_same_normalisation(task, head, inner_task, backbone)
        overrides = {new: head.get(old) for old, new in _OVERRIDES.items() if head.get(old) is not None}
        model = backbone.overridden(overrides)
    name = name or "wav2vec2"
    if name not in _BACKBONES:
        raise not_published("_name", name, "another model", where)
    if task.integer("sample_rate", 16000) != 16000:
        raise not_published("sample_rate", task.get("sample_rate"), "audio of another rate", where)
    refuse_the_unpublished(model, name, head is not None)
    vocabulary = None if head is None else _vocabulary(content, tensors[HEAD_WEIGHT].shape[0], where)
    fields = {
        "model_type": name,
        "architectures": [_architecture(name, head is not None, tensors)],
        **architecture_fields(model, name, tensors),
        **regularisation_fields(model, head),
        **(quantizer_fields(model) if name == "wav2vec2" and model.flag("quantize_targets", False) else {}),
    }
    if head is not None:
        fields["vocab_size"] = tensors[HEAD_WEIGHT].shape[0]
    return FairseqDescription(fields, tensors, vocabulary, _normalises(task, model if head is None else head))


def _tensors(model: Mapping[Any, Any], where: str) -> dict[str, StoredTensor]:
    for name, tensor in model.items():
        if not isinstance(name, str) or not isinstance(tensor, StoredTensor):
            raise CheckpointError(
                f"Each weight of {where} must be a tensor with a name; {shown(name)} is {shown(tensor)}: give the file"
                " that fairseq wrote."
            )
    return dict(model)


def _sections(content: Mapping[Any, Any], where: str) -> tuple[FairseqSettings, FairseqSettings]:
    """Returns the settings of the model and of the task; in the flat `args` they are the same."""
    settings = FairseqSettings({str(name): value for name, value in content.items()}, where)
    # fairseq itself prefers cfg where a file has both.
    root = settings.section("cfg") or settings.section("args")
    if root is None:
        raise CheckpointError(
            f"{where} must hold its settings under «cfg» or «args», and holds neither; give the file that fairseq"
            " wrote, not its weights alone."
        )
    return _split(root)


def _split(root: FairseqSettings) -> tuple[FairseqSettings, FairseqSettings]:
    model = root.section("model")
    if model is None:
        return root, root
    return model, root.section("task") or FairseqSettings({}, root.where)


def _pretrained_sections(head: FairseqSettings) -> tuple[FairseqSettings, FairseqSettings]:
    root = head.section("w2v_args")
    if root is None:
        raise CheckpointError(
            f"The fine-tuned model of {head.where} must carry the settings of its pre-trained model under w2v_args, and"
            " does not; load and save it once with fairseq, which adds them."
        )
    return _split(root)


def _model_name(model: FairseqSettings) -> str:
    return model.text("_name", "") or model.text("arch", "")


def _normalises(task: FairseqSettings, model: FairseqSettings) -> bool:
    # The model's own entry is a reference to the task's, «${task.normalize}», in files that were not resolved.
    if task.get("normalize") is None and not isinstance(model.get("normalize"), str):
        return model.flag("normalize", False)
    return task.flag("normalize", False)


def _require_same_normalisation(
    task: FairseqSettings, head: FairseqSettings, inner_task: FairseqSettings, backbone: FairseqSettings
) -> None:
    if _normalises(task, head) != _normalises(inner_task, backbone):
        raise CheckpointError(
            f"The setting normalize of {head.where} must be the same for pre-training and fine-tuning, and is"
            f" {_normalises(inner_task, backbone)} and {_normalises(task, head)}; fairseq refuses that, too: correct"
            " the wrong one."
        )


def _architecture(name: str, has_head: bool, tensors: Mapping[str, StoredTensor]) -> str:
    family = "Wav2Vec2" if name == "wav2vec2" else "Hubert"
    if has_head:
        return f"{family}ForCTC"
    return "Wav2Vec2ForPreTraining" if family == "Wav2Vec2" and "quantizer.vars" in tensors else f"{family}Model"


def _vocabulary(content: Mapping[Any, Any], size: int, where: str) -> tuple[str, ...] | None:
    state = unwrap(content.get("task_state"))
    dictionary = state.get("target_dictionary") if isinstance(state, Mapping) else None
    if dictionary is None:
        return None
    tokens = tokens_of_dictionary(dictionary, where)
    if len(tokens) != size:
        raise CheckpointError(
            f"The dictionary of {where} must have a token for each of the head's {size} rows, and has {len(tokens)};"
            " give the file that fairseq wrote."
        )
    return tokens
