"""Artifacts of Vertex ML Metadata, found and changed by Google's client library, and how that can fail."""

import pytest

from model.errors import DataError, TryAgainError, UsageError
from pipeline.vertex.metadata import VertexMetadata
from tests.fake_vertex import LOST

DIGEST = "6" * 64


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def metadata(vertex, pauses):
    return VertexMetadata("speech-team", "europe-west4", sleep=pauses.append)


@pytest.fixture
def add(vertex):
    def add(schema_title="tfx.ModelBlessing", region="europe-west4", **values):
        return vertex.add_artifact(schema_title, "gs://speech/blessing", values, region)

    return add


def test_artifacts_are_found_by_type_and_texts_page_by_page(metadata, add):
    wanted = [add(release_digest=DIGEST, number=number)["name"] for number in range(5)]
    add(release_digest="5" * 64)
    add("tfx.Model", release_digest=DIGEST)
    add(region="us-central1", release_digest=DIGEST)
    found = metadata.artifacts("tfx.ModelBlessing", {"release_digest": DIGEST})
    assert [one["name"] for one in found] == wanted
    assert metadata.artifacts("tfx.ModelBlessing", {"release_digest": DIGEST, "pipeline": "other"}) == []


def test_a_value_is_changed_and_all_else_is_kept(vertex, metadata, add):
    artifact = add(blessed=1.0, release_digest=DIGEST, nested={"a": [1.0, None, True]}, empty="", nothing=0.0)
    before = {**artifact, "metadata": dict(artifact["metadata"])}
    changed = metadata.change(artifact["name"], {"blessed": 0})
    assert changed["metadata"]["blessed"] == 0
    (stored,) = vertex.stored["artifacts"].values()
    assert stored["etag"] != before["etag"]
    assert {**stored, "etag": ""} == {**before, "etag": "", "metadata": {**before["metadata"], "blessed": 0.0}}
    assert metadata.artifact(artifact["name"]) == changed
    ((_, path),) = [request for request in vertex.requests if request[0] == "PATCH"]
    assert "updateMask=metadata" in path


def test_a_service_that_looks_at_no_mask_keeps_all_else(vertex, metadata, add, monkeypatch):
    artifact = add(blessed=1.0, release_digest=DIGEST)
    before = dict(artifact)
    original = vertex._change
    monkeypatch.setattr(vertex, "_change", lambda stored, query, body: original(stored, {}, body))
    metadata.change(artifact["name"], {"blessed": 0})
    (stored,) = vertex.stored["artifacts"].values()
    for field in ("uri", "displayName", "labels", "schemaTitle", "schemaVersion", "description"):
        assert stored[field] == before[field]
    assert (before["state"], stored["state"]) == ("LIVE", 2), "the library sends the number of a state"


def test_what_is_so_already_is_not_written(vertex, metadata, add):
    artifact = add(blessed=0.0)
    assert metadata.change(artifact["name"], {"blessed": 0})["metadata"] == {"blessed": 0.0}
    assert [method for method, _ in vertex.requests] == ["GET", "GET"]


@pytest.mark.parametrize("faults", [[LOST], [(503, "Away.")], [(429, "Quota."), LOST], [LOST, LOST, LOST]], ids=str)
def test_a_change_that_fails_in_the_middle_is_made_once(vertex, metadata, add, pauses, faults):
    artifact = add(blessed=1.0, other="kept")
    vertex.faults_by_method["PATCH"] = list(faults)
    assert metadata.change(artifact["name"], {"blessed": 0})["metadata"] == {"blessed": 0.0, "other": "kept"}
    assert len(pauses) == (1 if faults[0] == LOST else len(faults))


def test_a_change_by_somebody_else_is_not_overwritten(vertex, metadata, add):
    artifact = add(blessed=1.0)

    def interfere(name):
        vertex.before_change = lambda name: None
        vertex.stored["artifacts"][name] |= {"etag": "changed", "metadata": {"blessed": 1.0, "note": "theirs"}}

    vertex.before_change = interfere
    assert metadata.change(artifact["name"], {"blessed": 0})["metadata"] == {"blessed": 0.0, "note": "theirs"}


@pytest.mark.parametrize(
    ("faults", "error", "message"),
    [
        ([(403, "Permission aiplatform.artifacts.update denied.")], DataError, "must be allowed to change .*denied"),
        ([(400, "Metadata is too large.")], UsageError, "refused to change .*too large"),
        ([(503, "Away.")] * 4, TryAgainError, "must change .*, and did not, four times"),
    ],
)
def test_what_the_service_refuses_is_said(vertex, metadata, add, faults, error, message):
    artifact = add(blessed=1.0)
    vertex.faults_by_method["PATCH"] = faults
    with pytest.raises(error, match=message):
        metadata.change(artifact["name"], {"blessed": 0})
    assert artifact["metadata"] == {"blessed": 1.0}


def test_an_artifact_that_there_is_not_is_said(metadata):
    with pytest.raises(UsageError, match="must know what is asked for, to tell of .*/artifacts/7"):
        metadata.artifact("projects/4711/locations/europe-west4/metadataStores/default/artifacts/7")
