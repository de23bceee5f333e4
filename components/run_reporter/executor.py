"""The work of RunReporter."""

from __future__ import annotations

import json
import posixpath
import time
from collections.abc import Callable
from typing import Any

from absl import logging
from tfx import types
from tfx.dsl.components.base import base_executor

from components.run_reporter.channels import post, read_secret, send_mail
from components.run_reporter.report import RunReport, report_of
from components.run_reporter.settings import NotificationSettings
from model.errors import TryAgainError, UsageError, W2v2Error
from model.settings import from_json

_TRIES = 3
_PAUSE_SECONDS = 2.0


class Executor(base_executor.BaseExecutor):
    """Calls `report_of`, and tells it to the log and to whom the settings name."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Reports the end of the run.

        Args:
          input_dict: Empty.
          output_dict: Empty.
          exec_properties:
            - final_status: JSON of PipelineTaskFinalStatus, from the service.
            - pipeline_name, project, region: of the run.
            - evaluator: the name of the node whose verdict is reported.
            - notifications: JSON of `NotificationSettings`.

        Raises:
          DataError: the status is not what the service writes.
          UsageError, TryAgainError: somebody could not be told; all others were.
        """
        del input_dict, output_dict
        report, problem = report_of(
            exec_properties["final_status"],
            self._run_dir(),
            exec_properties["pipeline_name"],
            exec_properties["project"],
            exec_properties["region"],
            exec_properties["evaluator"],
        )
        if problem:
            logging.warning("The verdict cannot be read: %s", problem)
        tell(report, from_json(NotificationSettings, exec_properties["notifications"]))

    def _run_dir(self) -> str:
        """Returns where the tasks of this run write: three levels above this task's directory for temporary files.

        That is `<root>/<project number>/<run>/<task>_<number>/.temp/<unique id>`, as TFX's entry point has it.
        """
        if self._context is None:
            raise UsageError("RunReporter must run as a task of a pipeline, which gives it a context; it got none.")
        place = self._context.get_tmp_path().rstrip("/")
        for _ in range(3):
            place = posixpath.dirname(place)
        return place


def tell(report: RunReport, settings: NotificationSettings, pause_seconds: float = _PAUSE_SECONDS) -> None:
    """Tells a report to the log and to whom the settings name. Who cannot be reached hinders nobody else.

    Args:
      report: Of a run.
      settings: Who is told.
      pause_seconds: Before a second try; twice as long before the third, the last.

    Raises:
      UsageError, TryAgainError: somebody could not be told.
    """
    logging.info("%s", json.dumps(report.to_json(), sort_keys=True))
    if settings.only_failures and not report.needs_attention:
        return

    def to_webhook(reference: str) -> Callable[[], None]:
        return lambda: post(read_secret(reference), reference, report)

    channels = [to_webhook(reference) for reference in settings.webhooks]
    mail = settings.mail
    if mail is not None:
        channels.append(lambda: send_mail(read_secret(mail.server), mail, report))
    failures = [failure for channel in channels if (failure := _failure_of(channel, pause_seconds)) is not None]
    for failure in failures:
        logging.error("%s", failure)
    if failures:
        raise type(failures[0])(" ".join(map(str, failures)))


def _failure_of(channel: Callable[[], None], pause_seconds: float) -> W2v2Error | None:
    for number in range(_TRIES):
        try:
            channel()
        except TryAgainError as error:
            if number + 1 == _TRIES:
                return error
            time.sleep(pause_seconds * 2**number)
        except UsageError as error:
            return error
        else:
            return None
    return None
