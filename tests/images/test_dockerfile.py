"""What the Dockerfile is, as it stands: held against the project's other files, and read by the reader of the check."""

import re
from pathlib import Path

import pytest

from images.dockerfile import copied, expanded, read
from images.requirements import LOCK, entries_of

PROJECT = LOCK.parent
TEXT = (PROJECT / "images" / "Dockerfile").read_text()
DOCKERFILE = read(PROJECT / "images" / "Dockerfile")
TARGETS = ("pipeline", "beam-ingest", "beam-tfx", "trainer")


def value(stage, name):
    """The value of the last instruction of that name, in a stage or in what it starts from."""
    while stage is not None:
        found = [step.value for step in stage.instructions if step.name == name]
        if found:
            return found[-1]
        stage = DOCKERFILE.stages.get(stage.base)
    return None


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_as_a_user_without_rights(target):
    stage = DOCKERFILE.stages[target]
    assert value(stage, "USER") == "1000"
    assert [step.name for step in stage.instructions][-2:] == ["USER", "ENTRYPOINT"]


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_installed_in_the_last_stages(target):
    """Compilers and caches stay behind: what an image is made of is the base, and folders of other stages."""
    stage, base, runs, copies = DOCKERFILE.stages[target], "", [], []
    while stage is not None:
        runs += [step.value for step in stage.instructions if step.name == "RUN"]
        copies += [copied(step.value) for step in stage.instructions if step.name == "COPY"]
        base, stage = stage.base, DOCKERFILE.stages.get(stage.base)
    assert base == DOCKERFILE.arguments["PYTHON_IMAGE"]
    assert not [run for run in runs if re.search(r"\b(apt-get|pip|uv|curl|wget)\b", run)]
    assert (f"{target}-packages", ["/packages"], "/usr/local") in copies
    assert {source for _, sources, _ in copies for source in sources} <= {"/packages", "/opt/apache/beam", "/driver"}


@pytest.mark.parametrize("target", TARGETS)
def test_each_image_has_its_own_part_of_the_lock(target):
    steps = [step.value for step in DOCKERFILE.stages[f"{target}-packages"].instructions if step.name == "RUN"]
    assert f"python images/requirements.py {target} > packages.txt" in steps[0]
    assert "--require-hashes" in steps[0]
    assert "trainer-tpu.txt" not in steps[0] or target == "trainer"


def test_versions_are_those_of_the_project():
    (uv,) = re.findall(r"^UV_VERSION := (\S+)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert f"ARG UV_VERSION={uv}\n" in TEXT
    (beam,) = re.findall(r"^apache-beam==(\S+)", entries_of(LOCK.read_text())["apache-beam"])
    assert DOCKERFILE.arguments["BEAM_IMAGE"] == f"apache/beam_python3.10_sdk:{beam}"
    assert DOCKERFILE.arguments["PYTHON_IMAGE"].startswith("python:3.10-slim")


def test_no_address_is_named():
    assert "://" not in TEXT
    assert "index" not in TEXT


def test_a_target_needs_its_own_stages_only():
    names = [stage.name for stage in DOCKERFILE.needed_for("beam-ingest")]
    assert names == ["beam", "build", "beam-ingest-packages", "runtime", "beam-worker", "beam-ingest"]
    assert [stage.name for stage in DOCKERFILE.needed_for("pipeline")] == [
        "build", "pipeline-packages", "runtime", "pipeline",
    ]  # fmt: skip


def written(tmp_path, text):
    path = tmp_path / "Dockerfile"
    path.write_text(text)
    return path


def test_lines_are_joined_and_comments_left_out(tmp_path):
    path = written(
        tmp_path, "ARG IMAGE=debian:12\n# one\nFROM ${IMAGE} AS a\nRUN one \\\n # two\n && three\nFROM a AS b\nUSER 5\n"
    )
    dockerfile = read(path)
    assert dockerfile.arguments == {"IMAGE": "debian:12"}
    assert dockerfile.stages["a"].base == "debian:12"
    assert [(step.name, step.value.split()) for step in dockerfile.stages["a"].instructions] == [
        ("RUN", ["one", "&&", "three"])
    ]
    assert dockerfile.stages["b"].base == "a"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FROM debian\n", "A stage must be written as FROM … AS …, not FROM debian"),
        ("FROM debian AS a\nADD x y\n", "must be one of ARG, FROM, RUN, COPY, ENV, WORKDIR, USER, ENTRYPOINT, not ADD"),
        ("RUN true\n", "there must be nothing but ARG, not RUN"),
    ],
)
def test_what_is_not_known_is_not_passed_over(tmp_path, text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        read(written(tmp_path, text))


def test_a_variable_without_a_value_is_an_error():
    assert expanded("${A}/b", {"A": "a"}) == "a/b"
    with pytest.raises(KeyError, match="B"):
        expanded("${B}", {"A": "a"})


def test_every_stage_that_copies_finds_what_it_copies():
    """Of the context, or of an earlier stage."""
    earlier = set()
    for name, stage in DOCKERFILE.stages.items():
        for step in stage.instructions:
            if step.name == "COPY":
                source, paths, _ = copied(step.value)
                assert source in earlier if source else all(Path(PROJECT, path).exists() for path in paths)
        earlier.add(name)
