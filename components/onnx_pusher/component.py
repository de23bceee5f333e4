"""The interface of OnnxPusher."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts

from components.code_fingerprint import code_fingerprint
from components.onnx_pusher.executor import Executor
from components.publishing import PusherSpec


class OnnxPusher(base_component.BaseComponent):
    """Publishes the ONNX folder of a release as a numbered version for onnxruntime, optimum and `w2v2 transcribe`.

    `model.export.publish` draws the directory, and says what happens before a version appears in it. What is not
    blessed is not published, and that is no failure.

    Example:
      >>> pusher = OnnxPusher(
      ...     model=exporter.outputs["release"],
      ...     model_blessing=evaluator.outputs["blessing"],
      ...     evaluation=evaluator.outputs["evaluation"],
      ...     destination="workspace/releases",
      ...     name="wav2vec2-tiny",
      ...     destination_state="",
      ... )

    Args:
      model: ReleaseExporter's release.
      model_blessing: The evaluator's judgement of that release.
      evaluation: The evaluator's measurements: the model card is made of them, and the copy is compared with them.
      destination: A directory on this machine.
      name: The directory below it, for this model.
      destination_state: What is published there now, such as the version; when it changes, because somebody removed a
        release, the pusher is not served from the cache.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        evaluation: types.BaseChannel,
        destination: str,
        name: str,
        destination_state: str,
    ) -> None:
        super().__init__(
            PusherSpec(
                model=model,
                model_blessing=model_blessing,
                evaluation=evaluation,
                destination=destination,
                destination_state=destination_state,
                name=name,
                code_fingerprint=code_fingerprint("components.onnx_pusher", "components.publishing", "model"),
                pushed_model=types.Channel(type=standard_artifacts.PushedModel),
            )
        )
