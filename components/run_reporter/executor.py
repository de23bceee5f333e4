"""The work of RunReporter."""

from __future__ import annotations

import json
import posixpath
import re
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
_RUN = re.compile(r"/pipelineJobs/([a-z][-a-z0-9]*)")
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
            run_dir_of(self._own_place(), exec_properties["final_status"]),
            exec_properties["pipeline_name"],
            exec_properties["project"],
            exec_properties["region"],
            exec_properties["evaluator"],
        )
        if problem:
            logging.warning("The verdict cannot be read: %s", problem)
        tell(report, from_json(NotificationSettings, exec_properties["notifications"]))

    def _own_place(self) -> str:
        if self._context is None:
            raise UsageError("RunReporter must run as a task of a pipeline, which gives it a context; it got none.")
        return self._context.get_tmp_path()


def run_dir_of(place: str, final_status: str) -> str:
    """Returns where the tasks of a run write.

    Vertex AI documents `<root>/<run>/<task>/`, and TFX's entry point `<root>/<project number>/<run>/<task>_<number>/`;
    neither has been seen from here. So the directory with the name of the run is looked for.

    Args:
      place: The directory for temporary files of a task, which is `.temp/<unique id>` below that of the task, as TFX's
        entry point has it.
      final_status: JSON with the name of the run. Where no directory has that name, it is the one above the task's.
    """
    named = _RUN.search(final_status)
    above = [place.rstrip("/")]
    while (parent := posixpath.dirname(above[-1])) not in (above[-1], ""):
        above.append(parent)
    found = [one for one in above if named and posixpath.basename(one) == named[1]]
    return found[0] if found else above[min(3, len(above) - 1)]


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
