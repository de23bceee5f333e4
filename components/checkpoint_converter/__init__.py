"""CheckpointConverter: a published checkpoint becomes the model directory that Trainer starts from."""

from components.checkpoint_converter.component import CheckpointConverter

__all__ = ["CheckpointConverter"]
