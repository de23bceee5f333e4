"""The interface of CheckpointPusher."""

from __future__ import annotations

from typing import Any

from tfx.dsl.components.base import base_component, executor_spec

from components.checkpoint_pusher.executor import Executor
from components.publishing import PusherSpec, pusher_spec
from model.export.release import CHECKPOINT


class CheckpointPusher(base_component.BaseComponent):
    """Publishes the checkpoint of a release as a numbered version, for `w2v2 run --checkpoint` and transformers.

    `model.export.publish` says what happens before a version appears, `model.export.destinations` where it can appear:
    a directory or Cloud Storage, and then the hubs that `publication` names. What is not blessed is not published, and
    that is no failure.

    Examples:
      >>> pusher = CheckpointPusher(
      ...     model=exporter.outputs["release"],
      ...     model_blessing=evaluator.outputs["blessing"],
      ...     evaluation=evaluator.outputs["evaluation"],
      ...     destination="workspace/releases",
      ...     name="wav2vec2-tiny",
      ...     destination_state="",
      ...     decisions="workspace/pipelines/local-synthetic/decisions",
      ...     decisions_state="",
      ... )

    The arguments are those of `components.publishing.pusher_spec`, but for `package` and `format_`.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, **arguments: Any) -> None:
        super().__init__(pusher_spec("components.checkpoint_pusher", CHECKPOINT, **arguments))
