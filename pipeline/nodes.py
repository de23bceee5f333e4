"""The ids of the graph's nodes. Building the graph takes TFX, whose import takes long; naming a node does not."""

from __future__ import annotations

from model.training.settings import Task

EVALUATORS: dict[Task, str] = {"ctc": "WEREvaluator", "pretraining": "PretrainingEvaluator"}

_BEFORE = (
    "LibriSpeechExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ImportSchemaGen",
    "ExampleValidator",
    "Transform",
    "CheckpointConverter",
    "Trainer",
    "ReleaseExporter",
    "LatestBlessedModel",
)
_AFTER = ("HubPusher", "OnnxPusher", "CheckpointPusher")

# Nodes that look something up in the metadata store; what they found in an earlier run may be out of date.
RESOLVERS = ("LatestBlessedModel",)

# Which format of release a pusher publishes.
FORMAT_BY_PUSHER = {"HubPusher": "saved_model", "OnnxPusher": "onnx", "CheckpointPusher": "checkpoint"}


def node_ids(task: Task) -> tuple[str, ...]:
    """Returns the nodes of the graph of a task, in the order in which they run: another task has another evaluator."""
    return (*_BEFORE, EVALUATORS[task], *_AFTER)
