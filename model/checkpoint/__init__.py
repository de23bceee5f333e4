"""Published checkpoints: finding and reading them, converting them to a model directory, and writing them back."""

from model.checkpoint.convert import convert_checkpoint
from model.checkpoint.location import find_checkpoint
from model.checkpoint.publish import write_published
from model.checkpoint.random_model import make_random_model
from model.checkpoint.source import read_checkpoint

__all__ = ["convert_checkpoint", "find_checkpoint", "make_random_model", "read_checkpoint", "write_published"]
