"""Pipeline jobs of Vertex AI: a compiled specification is executed task by task, each container as a process.

A process gets what Vertex AI gives a container: the command of the specification, its arguments with the placeholders
replaced, an ExecutorInput with the artifacts' places and metadata, and where to write its ExecutorOutput. What it has
written there goes into the metadata store, in which the resolvers search. Failed tasks are tried again as their
policies say, without the pauses; what is unchanged is served from the cache; the exit handler runs whatever happens.
"""

import dataclasses
import hashlib
import itertools
import json
import re
import subprocess
import time
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from tests.loopback_cloud.custom_jobs import as_here
from tests.loopback_cloud.images import environment_of_image, image_name

# As the metadata store of `FakeVertex` has it, which names artifacts.
PROJECT_NUMBER = "4711"
_TERM = re.compile(
    r'schema_title="(?P<title>[^"]+)"|state=(?P<state>LIVE)|name="(?P<name>[^"]*)"'
    r"|metadata\.(?P<number_key>\w+)\.number_value=(?P<number>\d+)"
    r'|metadata\.(?P<text_key>\w+)\.string_value="(?P<text>[^"]*)"'
)
_PLACEHOLDER = re.compile(r"\{\{(\$[^{}]*)\}\}")
_METADATA = re.compile(r"\$\.inputs\.artifacts\['(?P<input>[^']+)'\]\.metadata\['(?P<key>[^']+)'\]")
# Its classes are made when it is imported.
_messages: Any = pipeline_spec_pb2
# Of a task; no task of the smoke configuration takes a tenth of it.
_LONGEST_SECONDS = 900
_ALL_ENDED = "ALL_UPSTREAM_TASKS_COMPLETED"


@dataclasses.dataclass
class Task:
    """What became of a task.

    Attributes:
      name: Of the node.
      state: SUCCEEDED, FAILED, SKIPPED (served from the cache) or NOT_TRIGGERED.
      outputs: Artifacts as JSON of RuntimeArtifact, by output.
      commands: What was executed, one for each try.
      logs: The files with what each try said.
      retry_policy: As the specification has it.
      seconds: From its start to its end.
    """

    name: str
    state: str = "NOT_TRIGGERED"
    outputs: dict = dataclasses.field(default_factory=dict)
    commands: list = dataclasses.field(default_factory=list)
    logs: list = dataclasses.field(default_factory=list)
    retry_policy: dict | None = None
    seconds: float = 0.0


class PipelineJobs:
    """Executes pipeline jobs of one project and region.

    Args:
      cloud: The services.
      parent: `projects/<id>/locations/<region>`.
      directory: For the output of the processes.

    Attributes:
      metadata: All artifacts by name, in the order in which they were made, as the REST interface has them.
      watch: Is called with the name of a task, the number of its try and its process once that runs; for faults.
    """

    def __init__(self, cloud, parent, directory):
        self._cloud, self._parent, self._directory = cloud, parent, directory
        self.metadata = cloud.vertex.stored.setdefault("artifacts", {})
        self.watch = lambda name, number, process: None
        self._cache, self._numbers = {}, itertools.count(1)

    def execute(self, job):
        """Executes a pipeline job; returns its tasks by name. The job's state and details are set as the service does.

        Args:
          job: As the REST interface took it, with `name`.
        """
        # What the service could not read it would refuse.
        specification = json_format.ParseDict(job["pipelineSpec"], _messages.PipelineSpec())
        assert specification.schema_version.startswith("2."), specification.schema_version
        run = _Run(self, job)
        job["state"] = "PIPELINE_STATE_RUNNING"
        state = run.execute_dag(job["pipelineSpec"]["root"]["dag"])
        job["state"] = f"PIPELINE_STATE_{state}"
        job["jobDetail"] = {"taskDetails": [_detail(task, self.metadata) for task in run.tasks.values()]}
        return run.tasks

    def new_artifact(self, schema, uri):
        """Returns an artifact that is not yet in the store."""
        number = next(self._numbers)
        region = self._parent.rpartition("/")[2]
        name = f"projects/{PROJECT_NUMBER}/locations/{region}/metadataStores/default/artifacts/{number}"
        return {"name": name, "type": schema, "uri": uri, "metadata": {}}

    def find(self, query):
        """Returns the latest artifact that a resolver's filter takes, or None.

        Raises:
          AssertionError: the filter has a term that is not known here.
        """
        found = list(self.metadata.values())
        for term in query.split(" AND "):
            said = _TERM.fullmatch(term)
            assert said is not None, term
            found = [one for one in found if _holds(said, one)]
        return found[-1] if found else None

    def forget(self):
        """Empties the cache."""
        self._cache.clear()

    def cached(self, key):
        return self._cache.get(key)

    def keep(self, key, outputs):
        self._cache[key] = outputs
        for artifact in outputs.values():
            self.metadata[artifact["name"]] = {
                "name": artifact["name"],
                "displayName": artifact["uri"].rpartition("/")[2],
                "uri": artifact["uri"],
                "etag": "1",
                "state": "LIVE",
                "schemaTitle": title_of(artifact["type"]),
                "metadata": artifact["metadata"],
            }

    @property
    def cloud(self):
        return self._cloud

    @property
    def directory(self):
        return self._directory


class _Run:
    def __init__(self, jobs, job):
        self._jobs, self._job = jobs, job
        self._specification = job["pipelineSpec"]
        self._executors = self._specification["deploymentSpec"]["executors"]
        self._run_id = job["name"].rpartition("/")[2]
        self._root = f"{job['runtimeConfig']['gcsOutputDirectory'].rstrip('/')}/{PROJECT_NUMBER}/{self._run_id}"
        self._directory = jobs.directory / self._run_id
        self._directory.mkdir(parents=True)
        self._task_ids = itertools.count(1_000_000_000)
        self._states, self._errors = {}, {}
        self.tasks = {}

    def execute_dag(self, dag):
        """Executes the tasks of a DAG, each after those that it waits for; returns SUCCEEDED or FAILED."""
        waiting = dict(dag["tasks"])
        while waiting:
            ready = [name for name, task in waiting.items() if not _upstream(task) & waiting.keys()]
            assert ready, f"Tasks wait for each other: {', '.join(waiting)}"
            for name in ready:
                self._states[name] = self._execute_task(name, waiting.pop(name))
        own = [self._states[name] for name in dag["tasks"]]
        return "SUCCEEDED" if all(state in ("SUCCEEDED", "SKIPPED") for state in own) else "FAILED"

    def _execute_task(self, name, task):
        policy = task.get("triggerPolicy", {})
        assert policy.keys() <= {"strategy"}, f"{name} has a condition, which is not known here: {policy}"
        upstream = [self._states[one] for one in _upstream(task)]
        if policy.get("strategy") != _ALL_ENDED and any(one not in ("SUCCEEDED", "SKIPPED") for one in upstream):
            self.tasks[name] = Task(name)
            return "NOT_TRIGGERED"
        component = self._specification["components"][task["componentRef"]["name"]]
        if "dag" in component:
            return self.execute_dag(component["dag"])
        executor = self._executors[component["executorLabel"]]
        done = self.tasks[name] = Task(name, retry_policy=task.get("retryPolicy"))
        started = time.monotonic()
        if "resolver" in executor:
            done.state, done.outputs = "SUCCEEDED", self._resolve(executor["resolver"], task)
        else:
            self._run_container(done, task, component, executor["container"])
        done.seconds = time.monotonic() - started
        return done.state

    def _resolve(self, resolver, task):
        inputs = self._artifacts(task)

        def value(found):
            said = _METADATA.fullmatch(found[1])
            assert said is not None, found[0]
            artifact = inputs.get(said["input"])
            return "" if artifact is None else str(artifact["metadata"][said["key"]])

        outputs = {}
        for key, query in resolver["outputArtifactQueries"].items():
            artifact = self._jobs.find(_PLACEHOLDER.sub(value, query["filter"]))
            if artifact is not None:
                outputs[key] = artifact
        return outputs

    def _run_container(self, done, task, component, container):
        inputs = {"parameters": self._parameters(task, component), "artifacts": self._input_artifacts(task, component)}
        key = _digest([component["executorLabel"], container, inputs])
        is_cached = task.get("cachingOptions", {}).get("enableCache", False)
        if is_cached and (found := self._jobs.cached(key)) is not None:
            done.state, done.outputs = "SKIPPED", found
            return
        tries = 1 + int((done.retry_policy or {}).get("maxRetryCount", 0))
        for number in range(tries):
            outputs, is_done = self._try(done, number, inputs, component, container)
            if is_done:
                done.state, done.outputs = "SUCCEEDED", outputs
                self._jobs.keep(key, outputs)
                return
        done.state = "FAILED"
        self._errors[done.name] = done.logs[-1].read_text(errors="replace")[-500:]

    def _try(self, done, number, inputs, component, container):
        place = f"{self._root}/{done.name}_{next(self._task_ids)}"
        definitions = component.get("outputDefinitions", {}).get("artifacts", {})
        outputs = {
            key: self._jobs.new_artifact(definition["artifactType"], f"{place}/{key}")
            for key, definition in definitions.items()
        }
        output_file = f"{place}/executor_output.json"
        said = {
            "inputs": {"parameters": inputs["parameters"], "artifacts": _lists(inputs["artifacts"])},
            "outputs": {"artifacts": _lists(outputs), "outputFile": output_file},
        }
        # It must be one, and not only look like one.
        executor_input = json_format.MessageToJson(json_format.ParseDict(said, _messages.ExecutorInput()))
        values = {"$": executor_input, "$.pipeline_job_name": self._run_id}
        command = [
            _PLACEHOLDER.sub(lambda found: values[found[1]], part)
            for part in (*container["command"], *container["args"])
        ]
        done.commands.append(command)
        log = self._directory / f"{done.name}-{number}.log"
        done.logs.append(log)
        image = image_name(container["image"])
        variables = environment_of_image(image, self._jobs.directory, self._jobs.cloud.environment)
        with (
            log.open("wb") as stream,
            subprocess.Popen(
                as_here(command), stdout=stream, stderr=subprocess.STDOUT, env=variables, cwd=self._directory
            ) as process,
        ):
            self._jobs.watch(done.name, number, process)
            try:
                process.wait(_LONGEST_SECONDS)
            except subprocess.TimeoutExpired:
                # Whatever it waits for will not come; its log says what.
                process.kill()
        if process.returncode != 0:
            return outputs, False
        told = json_format.ParseDict(json.loads(self._jobs.cloud.storage.read(output_file)), _messages.ExecutorOutput())
        for key, listed in told.artifacts.items():
            (artifact,) = listed.artifacts
            outputs[key] = {
                **outputs[key], "uri": artifact.uri, "metadata": json_format.MessageToDict(artifact.metadata)
            }  # fmt: skip
        return outputs, True

    def _parameters(self, task, component):
        values = {}
        for key, given in task.get("inputs", {}).get("parameters", {}).items():
            if "taskFinalStatus" in given:
                values[key] = {"stringValue": self._final_status(given["taskFinalStatus"]["producerTask"])}
            else:
                values[key] = given["runtimeValue"]["constantValue"]
        declared = component.get("inputDefinitions", {}).get("parameters", {})
        assert values.keys() <= declared.keys(), values.keys() - declared.keys()
        return values

    def _final_status(self, name):
        failed = [task.name for task in self.tasks.values() if task.state == "FAILED"]
        message = f"The DAG failed because some tasks failed. The failed tasks are: [{', '.join(failed)}]."
        return json.dumps(
            {
                "state": self._states[name],
                "pipelineJobResourceName": self._job["name"],
                "pipelineTaskName": name,
                "error": {"code": 9, "message": message} if failed else {},
            }
        )

    def _artifacts(self, task):
        found = {}
        for key, given in task.get("inputs", {}).get("artifacts", {}).items():
            source = given["taskOutputArtifact"]
            artifact = self.tasks[source["producerTask"]].outputs.get(source["outputArtifactKey"])
            if artifact is not None:
                # Somebody may have changed it since it was made.
                found[key] = {**artifact, "metadata": self._jobs.metadata[artifact["name"]]["metadata"]}
        return found

    def _input_artifacts(self, task, component):
        definitions = component.get("inputDefinitions", {}).get("artifacts", {})
        given = self._artifacts(task)
        return {
            key: {**given[key], "type": definition["artifactType"]}
            for key, definition in definitions.items()
            if key in given
        }


def _lists(artifacts):
    return {key: {"artifacts": [_runtime(artifact)]} for key, artifact in artifacts.items()}


def _runtime(artifact):
    return {name: artifact[name] for name in ("name", "type", "uri", "metadata")}


def _upstream(task):
    inputs = task.get("inputs", {})
    producers = {one["taskOutputArtifact"]["producerTask"] for one in inputs.get("artifacts", {}).values()}
    watched = {
        one["taskFinalStatus"]["producerTask"]
        for one in inputs.get("parameters", {}).values()
        if "taskFinalStatus" in one
    }
    return {*task.get("dependentTasks", ()), *producers, *watched}


def _holds(term, artifact):
    if term["title"] is not None:
        return artifact["schemaTitle"] == term["title"]
    if term["state"] is not None:
        return True
    if term["name"] is not None:
        return artifact["name"] == term["name"]
    if term["number_key"] is not None:
        value = artifact["metadata"].get(term["number_key"])
        return isinstance(value, int | float) and value == float(term["number"])
    return artifact["metadata"].get(term["text_key"]) == term["text"]


def title_of(schema):
    """Returns the title of an artifact's schema, such as `tfx.Model`."""
    found = re.search(r"^title: (\S+)$", schema["instanceSchema"], re.MULTILINE)
    assert found is not None, schema
    return found[1]


def _detail(task, metadata):
    return {
        "taskName": task.name,
        "state": task.state,
        "outputs": {key: {"artifacts": [metadata[one["name"]]]} for key, one in task.outputs.items()},
    }


def _digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
