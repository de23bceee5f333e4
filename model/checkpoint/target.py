"""What a checkpoint becomes: its own head is kept, or a new one takes its place on the same backbone."""

from __future__ import annotations

import dataclasses

from model.checkpoint.source import PublishedCheckpoint
from model.config import Head, Wav2Vec2Config
from model.errors import CheckpointError
from model.text import Vocabulary


@dataclasses.dataclass(frozen=True)
class Target:
    """The model that is made of a checkpoint.

    Attributes:
      head: What stands on the backbone.
      config: The architecture.
      vocabulary: The tokens of the CTC head; None without one.
      has_new_head: Whether the head's values are drawn, because the checkpoint has none that serves.
    """

    head: Head
    config: Wav2Vec2Config
    vocabulary: Vocabulary | None
    has_new_head: bool


def target_of(
    checkpoint: PublishedCheckpoint, head: Head | None, vocabulary: Vocabulary | None = None, new_head: bool = False
) -> Target:
    """Says what a checkpoint becomes where a head is asked for.

    Args:
      checkpoint: The checkpoint.
      head: `ctc`, to be fine-tuned: a CTC head is kept, and where there is none a new one takes the place of the heads
        of pre-training, if any. `pretraining`: heads of pre-training are kept, and a backbone alone gets new ones.
        None for what the checkpoint has.
      vocabulary: The tokens of a new CTC head.
      new_head: Whether a CTC head that is there gives way to a new one, too: what it spells is another language.

    Raises:
      CheckpointError: the heads of pre-training are asked for, and the checkpoint was fine-tuned.
    """
    if head is None or (head == checkpoint.head and not (new_head and head == "ctc")):
        return Target(checkpoint.head, checkpoint.config, checkpoint.vocabulary, has_new_head=False)
    if head == "ctc":
        if vocabulary is None:
            raise CheckpointError(
                f"A new CTC head on {checkpoint.files.name} must be given the tokens of its vocabulary, and got none."
            )
        return Target("ctc", with_vocabulary(checkpoint.config, vocabulary), vocabulary, has_new_head=True)
    if checkpoint.head == "ctc":
        raise CheckpointError(
            "Pre-training must start from 'random', from a pre-trained model or from a backbone without a head, and"
            f" {checkpoint.files.name} has a CTC head: what was fine-tuned has left its quantizer behind; name the"
            " checkpoint that it was fine-tuned from."
        )
    return Target(head, checkpoint.config, None, has_new_head=True)


def with_vocabulary(config: Wav2Vec2Config, vocabulary: Vocabulary) -> Wav2Vec2Config:
    """Returns an architecture whose CTC head has the tokens of a vocabulary."""
    return dataclasses.replace(config, vocab_size=len(vocabulary.tokens), pad_token_id=vocabulary.blank_id)
