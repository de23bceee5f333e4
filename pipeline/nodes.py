"""The ids of the graph's nodes. Building the graph takes TFX, whose import takes long; naming a node does not."""

from __future__ import annotations

NODE_IDS = (
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
    "WEREvaluator",
    "HubPusher",
    "OnnxPusher",
    "CheckpointPusher",
)

# Nodes that look something up in the metadata store; what they found in an earlier run may be out of date.
RESOLVERS = ("LatestBlessedModel",)

# Which format of release a pusher publishes.
FORMAT_BY_PUSHER = {"HubPusher": "saved_model", "OnnxPusher": "onnx", "CheckpointPusher": "checkpoint"}
