"""Cloud Storage on the loopback, for all tests that read or write `gs://` addresses."""

import contextlib
from http import HTTPStatus

import pytest
from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers import objects
from gcp_storage_emulator.server import create_server
from gcp_storage_emulator.storage import Storage
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

BUCKET = "speech"


@pytest.fixture(scope="session")
def _storage_server(_preconditions, _nothing_is_kept):
    # Requests are answered one at a time, in a thread of this process; port 0 takes any that is free.
    server = create_server("127.0.0.1", 0, in_memory=True)
    server.start()
    listening = server._api._httpd
    assert listening is not None
    yield f"http://127.0.0.1:{listening.server_port}"
    server.stop()


@pytest.fixture(scope="session")
def _preconditions():
    """Lets the emulator refuse to write an object where there must be none, which it does not know of by itself."""

    def insert(request, response, storage):
        name = request.query.get("name") or [request.data["meta"]["name"]]
        if request.query.get("ifGenerationMatch") == ["0"]:
            with contextlib.suppress(NotFound):
                storage.get_file_obj(request.params["bucket_name"], name[0])
                response.status = HTTPStatus.PRECONDITION_FAILED
                return None
        return original(request, response, storage)

    original = objects._multipart_upload
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objects, "_multipart_upload", insert)
        yield


@pytest.fixture(scope="session")
def _nothing_is_kept():
    """Spares the emulator to write down, after every request, all objects that there are and ever were."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Storage, "_write_config_to_file", lambda self: None)
        yield


@pytest.fixture
def bucket(_storage_server, monkeypatch):
    """An empty bucket `gs://speech`, as Google's client library gives it."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", _storage_server)
    client = storage.Client(
        project="tests", credentials=AnonymousCredentials(), client_options={"api_endpoint": _storage_server}
    )
    found = client.bucket(BUCKET)
    if not found.exists():
        client.create_bucket(BUCKET)
    for blob in list(client.list_blobs(BUCKET)):
        blob.delete()
    return found
