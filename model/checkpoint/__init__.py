"""Published checkpoints: reading them, converting them to a model directory, and writing them back."""

from model.checkpoint.convert import convert_checkpoint, find_checkpoint
from model.checkpoint.publish import write_published

__all__ = ["convert_checkpoint", "find_checkpoint", "write_published"]
