"""Dataflow's service on the loopback: takes a job, runs its staged pipeline in worker processes, tells its state.

It knows of a job what Dataflow knows: the description that the client library has sent, and what was staged in Cloud
Storage. The workers are processes of Beam's own worker program, and find the project's code in the staged package only.
"""

import collections
import contextlib
import gc
import re
import sys
import threading
import time
import types
import warnings
import zipfile

import pytest
from apache_beam.internal.gcp import auth
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.dataflow import dataflow_runner
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from tests.loopback_server import LoopbackServer

_JOBS = re.compile(
    r"/v1b3/projects/(?P<project>[^/]+)/locations/(?P<region>[^/]+)/jobs(?:/(?P<job>[^/]+))?(?P<rest>/\w+)?"
)
# What a worker has of this environment: not the project's code, and none of the frameworks that ingest does without.
_SITECUSTOMIZE = """
import os
import sys

MISSING = "tensorflow keras tfx onnxruntime typer rich wheel hypothesis pipeline components tests".split()


class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r} on a worker", name=name)


sys.meta_path.insert(0, Missing())
import beam_jobs, model

for package in (beam_jobs, model):
    assert os.path.dirname(package.__file__) == os.path.join(os.path.dirname(__file__), package.__name__), package
"""


class FakeDataflow(LoopbackServer):
    """The service; `jobs` are the descriptions that it was sent.

    Attributes:
      jobs: Of all jobs, in their order.
      states: Of each job by its id, such as `JOB_STATE_DONE`.
      errors: What a job's messages say, by its id.
      counters: Of each job by its id.
      answers: Statuses and texts that the next requests get in place of an answer.
      run: What a job does; by default its pipeline is run in worker processes.
    """

    def __init__(self, read_object, directory):
        self.jobs, self.states, self.errors, self.counters, self.answers = [], {}, {}, {}, []
        self.run = self.run_in_workers
        self._asked = collections.defaultdict(threading.Event)
        self._threads = []
        self._read_object = read_object
        self._directory = directory
        super().__init__()

    def close(self):
        # A job that is no longer waited for would go on in the tests that come after.
        for event in self._asked.values():
            event.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()
        super().close()

    def handle(self, method, path, body):
        found = _JOBS.fullmatch(path.partition("?")[0])
        assert found is not None, path
        if self.answers:
            status, text = self.answers.pop(0)
            return status, {"error": {"code": status, "message": text}}
        if method == "POST":
            for job in self.jobs:
                if job["name"] == body["name"] and self.states[job["id"]] == "JOB_STATE_RUNNING":
                    return 200, self._told(job)
            job = {**body, "id": f"2026-{len(self.jobs)}", "projectId": found["project"], "location": found["region"]}
            self.jobs.append(job)
            self.states[job["id"]] = "JOB_STATE_RUNNING"
            self._asked[job["id"]].clear()
            self._threads.append(threading.Thread(target=self._work, args=(job,), daemon=True))
            self._threads[-1].start()
            return 200, self._told(job)
        (job,) = (job for job in self.jobs if job["id"] == found["job"])
        if found["rest"] == "/messages":
            messages = [
                {
                    "id": "m",
                    "time": "2026-01-01T00:00:00Z",
                    "messageImportance": "JOB_MESSAGE_ERROR",
                    "messageText": text,
                }
                for text in self.errors.get(job["id"], ())
            ]
            return 200, {"jobMessages": messages}
        if found["rest"] == "/metrics":
            counters = self.counters.get(job["id"], {}).items()
            return 200, {
                "metrics": [self._metric(key, value, is_final) for key, value in counters for is_final in (False, True)]
            }
        self._asked[job["id"]].set()
        return 200, self._told(job)

    def _told(self, job):
        names = ("id", "name", "projectId", "location", "clientRequestId")
        return {**{name: job[name] for name in names if name in job}, "currentState": self.states[job["id"]]}

    @staticmethod
    def _metric(key, value, is_final):
        namespace, name = key
        context = {"namespace": namespace, **({} if is_final else {"tentative": "true"})}
        return {"name": {"origin": "user", "name": name, "context": context}, "scalar": value}

    def _work(self, job):
        try:
            self.run(job)
            # A job of the real service is never over before anybody has asked.
            self._asked[job["id"]].wait(30)
            self.states[job["id"]] = "JOB_STATE_DONE"
        except Exception as error:  # noqa: BLE001 — what a job does wrong is told by its messages
            self.errors[job["id"]] = [str(error)]
            self._asked[job["id"]].wait(30)
            self.states[job["id"]] = "JOB_STATE_FAILED"

    def pipeline_of(self, job):
        """Returns the staged pipeline of a job."""
        options = job["environment"]["sdkPipelineOptions"]["options"]
        return beam_runner_api_pb2.Pipeline.FromString(self._read_object(options["pipelineUrl"]))

    def packages_of(self, job):
        """Returns the content of each staged package of a job, by its name."""
        (environment,) = self.pipeline_of(job).components.environments.values()
        staged = {}
        for dependency in environment.dependencies:
            url = beam_runner_api_pb2.ArtifactUrlPayload.FromString(dependency.type_payload).url
            role = beam_runner_api_pb2.ArtifactStagingToRolePayload.FromString(dependency.role_payload)
            staged[role.staged_name] = self._read_object(url)
        return staged

    def run_in_workers(self, job):
        """Runs the pipeline of a job in two worker processes, which have the staged package and what it may need."""
        site = self._directory / job["id"]
        site.mkdir(parents=True)
        for name, content in self.packages_of(job).items():
            if name.endswith(".whl"):
                (site / name).write_bytes(content)
                with zipfile.ZipFile(site / name) as wheel:
                    wheel.extractall(site)
        (site / "sitecustomize.py").write_text(_SITECUSTOMIZE)
        # Python looks into the current directory first, then into what PYTHONPATH names.
        worker = f"{sys.executable} -W ignore -m apache_beam.runners.worker.sdk_worker_main"
        command = f"cd {site} && exec env PYTHONPATH={site} {worker}"
        pipeline = self.pipeline_of(job)
        for environment in pipeline.components.environments.values():
            environment.urn = python_urns.SUBPROCESS_SDK
            environment.payload = command.encode()
            del environment.dependencies[:]
        options = PipelineOptions(["--direct_num_workers=2", "--direct_running_mode=multi_processing"])
        result = FnApiRunner().run_via_runner_api(pipeline, options)
        result.wait_until_finish()
        for counter in result.metrics().query()["counters"]:
            key = (counter.key.metric.namespace, counter.key.metric.name)
            counters = self.counters.setdefault(job["id"], {})
            counters[key] = counters.get(key, 0) + counter.committed


@pytest.fixture
def dataflow(bucket, tmp_path, monkeypatch):
    """Dataflow's service; `flags` are those of a job that it shall run."""
    # Nobody is signed in. Beam would look for credentials, and try again, for 20 s.
    monkeypatch.setattr(auth._Credentials, "_credentials_init", True)
    monkeypatch.setattr(auth._Credentials, "_credentials", None)
    # Beam takes no port in the address of the service.
    monkeypatch.setattr(PipelineOptionsValidator, "validate_endpoint_url", lambda self, url: True)
    # What is waited for between two questions of the client library.
    monkeypatch.setattr(
        dataflow_runner, "time", types.SimpleNamespace(sleep=lambda _: time.sleep(0.05), time=time.time)
    )

    def read_object(address):
        return bucket.client.bucket(address.split("/")[2]).blob(address.split("/", 3)[3]).download_as_bytes()

    service = FakeDataflow(read_object, tmp_path / "dataflow")
    service.flags = [
        "--runner=DataflowRunner",
        "--project=speech-project",
        "--region=europe-west4",
        "--temp_location=gs://speech/tmp",
        f"--dataflow_endpoint={service.address}/",
        "--no_auth",
    ]
    # Beam's client leaves its connections to the garbage collector, which warns of them.
    with contextlib.closing(service), warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield service
        gc.collect()
