"""What TensorBoard shows of a training."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from model.training.checkpoints import TENSORBOARD
from model.training.history import Curves, Measurement


class EventLog:
    """Writes events: loss, rate, norm of gradients, share of padding, what validation says, and examples.

    A training that goes on writes a new file; TensorBoard takes the steps of the newest for the right ones.

    Args:
      directory: The directory of the training's states; None to write nothing.
      step: The step that it goes on from.
    """

    def __init__(self, directory: str | None, step: int) -> None:
        self._writer = None
        if directory is not None:
            self._writer = tf.summary.create_file_writer(f"{directory}/{TENSORBOARD}", filename_suffix=f".{step}")

    def write_point(self, curves: Curves) -> None:
        """Writes the newest point of the curves."""
        if self._writer is None:
            return
        with self._writer.as_default(step=curves.step[-1]):
            for name in ("loss", "learning_rate", "gradient_norm", "padding_share"):
                tf.summary.scalar(f"training/{name}", getattr(curves, name)[-1])

    def write_measurement(self, measurement: Measurement, shown: Sequence[str]) -> None:
        """Writes what validation says, and some of its utterances."""
        if self._writer is None:
            return
        with self._writer.as_default(step=measurement.step):
            for name, value in measurement.validation.items():
                tf.summary.scalar(f"validation/{name}", value)
            if shown:
                # TensorBoard reads Markdown: four spaces keep a line as it is.
                tf.summary.text("validation/transcripts", "\n\n".join(_indented(text) for text in shown))
        self._writer.flush()


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))
