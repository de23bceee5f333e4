"""Dataflow's workers: processes of Beam's own worker program with what the image of the job has."""

import os
import shlex
import sys

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import common_urns, python_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from tests.fake_dataflow import FakeDataflow
from tests.loopback_cloud.images import environment_of_image, image_name

_WORKER = "apache_beam.runners.worker.sdk_worker_main"
# What the runner tells a worker.
_OF_RUNNER = "WORKER_ID PIPELINE_OPTIONS CONTROL_API_SERVICE_DESCRIPTOR LOGGING_API_SERVICE_DESCRIPTOR".split()


class Dataflow(FakeDataflow):
    """The service, whose jobs run in the image that they name.

    Attributes:
      images: Of the workers of all jobs, by their names.
    """

    def __init__(self, storage, environment, directory):
        super().__init__(storage.read, directory)
        self._environment, self.images = environment, []
        self.run = self._run_in_image

    def _run_in_image(self, job):
        pipeline = self.pipeline_of(job)
        for environment in pipeline.components.environments.values():
            assert environment.urn == common_urns.environments.DOCKER.urn, environment.urn
            address = beam_runner_api_pb2.DockerPayload.FromString(environment.payload).container_image
            self.images.append(image_name(address))
            variables = environment_of_image(self.images[-1], self._directory, self._environment)
            said = " ".join(shlex.quote(f"{name}={value}") for name, value in variables.items())
            said += "".join(f' {name}="${name}"' for name in _OF_RUNNER)
            # The current directory is no place of modules for a worker.
            command = (
                f"cd {shlex.quote(os.fspath(self._directory))} && exec env -i {said} {sys.executable} -m {_WORKER}"
            )
            environment.urn, environment.payload = python_urns.SUBPROCESS_SDK, command.encode()
            del environment.dependencies[:]
        result = FnApiRunner().run_via_runner_api(pipeline, PipelineOptions(["--direct_num_workers=1"]))
        result.wait_until_finish()
        for counter in result.metrics().query()["counters"]:
            key = (counter.key.metric.namespace, counter.key.metric.name)
            counters = self.counters.setdefault(job["id"], {})
            counters[key] = counters.get(key, 0) + counter.committed
