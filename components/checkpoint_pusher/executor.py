"""The work of CheckpointPusher."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor

from components.publishing import push
from model.export.release import CHECKPOINT


class Executor(base_executor.BaseExecutor):
    """Calls `model.export.publish`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Publishes the checkpoint; arguments and errors are those of `components.publishing.push`."""
        push(CHECKPOINT, input_dict, output_dict, exec_properties)
