"""Cloud Storage on the loopback, for all tests that read or write `gs://` addresses."""

import pytest
from gcp_storage_emulator.server import create_server
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

BUCKET = "speech"


@pytest.fixture(scope="session")
def _storage_server():
    # Requests are answered one at a time, in a thread of this process; port 0 takes any that is free.
    server = create_server("127.0.0.1", 0, in_memory=True)
    server.start()
    listening = server._api._httpd
    assert listening is not None
    yield f"http://127.0.0.1:{listening.server_port}"
    server.stop()


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
