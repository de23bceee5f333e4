"""The interface of HubPusher."""

from __future__ import annotations

from typing import Any

from tfx.dsl.components.base import base_component, executor_spec

from components.hub_pusher.executor import Executor
from components.publishing import PusherSpec, pusher_spec
from model.export.release import SAVED_MODEL


class HubPusher(base_component.BaseComponent):
    """Publishes the SavedModel of a release as a numbered version for TF Hub and TF Serving.

    `model.export.publish` says what happens before a version appears, `model.export.destinations` where it can appear:
    a directory or Cloud Storage, and then the hubs that `publication` names. What is not blessed is not published, and
    that is no failure.

    Examples:
      >>> pusher = HubPusher(
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
        super().__init__(pusher_spec("components.hub_pusher", SAVED_MODEL, **arguments))
