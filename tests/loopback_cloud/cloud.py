"""Google Cloud on this machine: Cloud Storage, Vertex AI, Dataflow, Secret Manager, a registry.

Processes need no change to find it. What the services are told is kept; what they start runs as processes of this
machine that have no more of the project and its packages than the images have.
"""

import contextlib
import dataclasses
import json
from pathlib import Path

from tests.fake_vertex import FakeVertex
from tests.loopback_cloud.certificate import TOKEN_ADDRESS, write_certificate, write_service_account
from tests.loopback_cloud.custom_jobs import CustomJobs
from tests.loopback_cloud.dataflow import Dataflow
from tests.loopback_cloud.front import HttpsServer, Proxy, environment_of
from tests.loopback_cloud.object_store import Answer, ObjectStore
from tests.loopback_cloud.secret_manager import SecretManager

_TOKEN_PATHS = (f"/{TOKEN_ADDRESS.rpartition('/')[2]}", "/oauth2/v4/token")


@dataclasses.dataclass
class Cloud:
    """The services.

    Attributes:
      environment: The variables by which a process finds them.
      storage: What lies in Cloud Storage.
      vertex: Jobs of Vertex AI.
      custom_jobs: What those of training ran.
      dataflow: Jobs of Dataflow.
      secrets: Secret Manager.
      refused: Requests that no service knew, as `METHOD host/path`.
    """

    environment: dict[str, str]
    storage: ObjectStore
    vertex: FakeVertex
    custom_jobs: CustomJobs
    dataflow: Dataflow
    secrets: SecretManager
    refused: list[str]

    def answer(self, method, host, path, headers, body):
        """Answers a request to any of Google's hosts."""
        if path.partition("?")[0] in _TOKEN_PATHS:
            return Answer.of({"access_token": "tests", "token_type": "Bearer", "expires_in": 3600})
        if host in ("www.googleapis.com", "storage.googleapis.com"):
            return self._known(method, host, path, self.storage.handle(method, path, headers, body))
        if host.endswith("-aiplatform.googleapis.com"):
            return self._of_vertex(method, path, body)
        if host == "dataflow.googleapis.com":
            status, told = self.dataflow.handle(method, path, json.loads(body) if body else None)
            return Answer.of(told, status)
        if host == "iamcredentials.googleapis.com" and path.endswith("/allowedLocations"):
            # Where the account may be used: everywhere.
            return Answer.of({"locations": [], "encodedLocations": "0x0"})
        if host.endswith(".pkg.dev") and method == "HEAD":
            # The registry has every image.
            return Answer(200)
        unknown = {"error": {"code": 501, "message": f"{method} {host}{path} is not known here."}}
        return self._known(method, host, path, Answer.of(unknown, 501))

    def _known(self, method, host, path, told):
        if told.status == 501:
            self.refused.append(f"{method} {host}{path}")
        return told

    def _of_vertex(self, method, path, body):
        self.vertex.requests.append((method, path))
        status, told = self.vertex.handle(method, path, json.loads(body) if body else {})
        if status == 200 and method == "POST" and path.partition("?")[0].endswith("/customJobs"):
            self.custom_jobs.start(self.vertex.stored["customJobs"][told["name"]])
        return Answer.of(told, status)


@contextlib.contextmanager
def loopback_cloud(directory: Path, project: str, region: str, buckets):
    """Gives a `Cloud` with empty buckets.

    Args:
      directory: For certificates and logs; a new one.
      project: Of the service account.
      region: Where the buckets lie.
      buckets: Their names.
    """
    write_certificate(directory)
    write_service_account(directory / "account.json", project)
    storage = ObjectStore(region)
    storage.buckets.update({name: {} for name in buckets})
    environment: dict[str, str] = {}
    with contextlib.ExitStack() as stack:

        def opened(service):
            return stack.enter_context(contextlib.closing(service))

        cloud = Cloud(
            environment=environment,
            storage=storage,
            vertex=opened(FakeVertex()),
            custom_jobs=opened(CustomJobs(environment, directory / "custom-jobs")),
            dataflow=opened(Dataflow(storage, environment, directory / "dataflow")),
            secrets=opened(SecretManager(directory)),
            refused=[],
        )
        https = opened(HttpsServer(cloud.answer, directory))
        proxy = opened(Proxy(https.port, cloud.secrets.port))
        environment.update(environment_of(proxy.address, https.port, directory))
        yield cloud
