"""CheckpointPusher: the checkpoint of a blessed release is published."""

from components.checkpoint_pusher.component import CheckpointPusher

__all__ = ["CheckpointPusher"]
