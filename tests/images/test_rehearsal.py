"""What is copied into an image's context, as .dockerignore says it; and what a step does to a stage."""

import subprocess
import sys

import pytest

from images import debian_root
from images.dockerfile import read
from images.rehearsal import FailedError, Rehearsal, write_context
from images.requirements import LOCK

PROJECT = LOCK.parent


def test_the_context_is_what_an_image_is_built_from(tmp_path):
    write_context(PROJECT, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "LICENSE", "README.md", "beam_jobs", "components", "images", "model", "pipeline", "pyproject.toml",
        "requirements.lock",
    ]  # fmt: skip
    assert not list(tmp_path.rglob("__pycache__"))
    assert not (tmp_path / "images" / "Dockerfile").exists()
    assert (tmp_path / "model" / "wav2vec2" / "__init__.py").read_bytes() == (
        PROJECT / "model" / "wav2vec2" / "__init__.py"
    ).read_bytes()


def test_the_last_pattern_that_fits_decides(tmp_path):
    project, context = tmp_path / "project", tmp_path / "context"
    for name in ("kept/a.py", "kept/b/__pycache__/a.pyc", "kept/left.txt", "secret.env", "other/kept/a.py"):
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (project / ".dockerignore").write_text("# words\n*\n!kept\n\n**/__pycache__\nkept/*.txt\n")
    write_context(project, context)
    assert [path.relative_to(context).as_posix() for path in context.rglob("*") if path.is_file()] == ["kept/a.py"]


def test_a_target_that_is_not_there_is_named():
    command = [sys.executable, "-m", "images.check", "trainers"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert done.returncode == 2
    assert "a target must be one of pipeline, beam-ingest, beam-tfx, trainer, not trainers" in done.stderr


@pytest.fixture
def rehearsed(tmp_path, monkeypatch):
    """Builds the stage `last` of a Dockerfile; of its commands, what they were run with, and `false` fails."""
    ran = []

    def run(root, command, user="0", folder="/", environment=None):
        ran.append((root.name, command, user, folder, environment))
        return subprocess.CompletedProcess(command, int("false" in command[-1]), "out", "it failed")

    def base(root):
        (root / "etc").mkdir(parents=True)
        (root / "etc/name").write_text("base")

    def build(text, **arguments):
        monkeypatch.setattr(debian_root, "run", run)
        (tmp_path / "Dockerfile").write_text(text)
        context = tmp_path / "context"
        (context / "folder" / "inner").mkdir(parents=True)
        (context / "one").write_text("one")
        (context / "folder" / "inner" / "two").write_text("two")
        rehearsal = Rehearsal(read(tmp_path / "Dockerfile"), context, {"debian": base}, tmp_path / "work", arguments)
        return rehearsal.build("last", say=lambda text: None), ran

    return build


def test_a_stage_has_what_its_instructions_say(rehearsed):
    built, ran = rehearsed(
        "ARG IMAGE=debian\nFROM ${IMAGE} AS first\nENV A=1\nWORKDIR /build\nARG V=old\nCOPY one ./\nCOPY one sub/\n"
        "RUN make ${V}\nFROM ${IMAGE} AS other\nRUN never\nFROM first AS last\nENV B=${A}2\nCOPY folder /usr\n"
        "COPY --from=first /build/one /usr/three\nUSER 1000\nRUN work\n" + 'ENTRYPOINT ["a", "b"]\n',
        V="new",
    )
    assert (built.user, built.folder, built.entrypoint) == ("1000", "/build", ("a", "b"))
    assert built.environment == {"A": "1", "B": "12"}
    assert ran == [
        ("stage-first", ["sh", "-c", "make ${V}"], "0", "/build", {"V": "new", "A": "1"}),
        ("stage-last", ["sh", "-c", "work"], "1000", "/build", {"A": "1", "B": "12"}),
    ]
    files = {path.relative_to(built.root).as_posix() for path in built.root.rglob("*") if path.is_file()}
    assert files == {"etc/name", "build/one", "build/sub/one", "usr/inner/two", "usr/three"}


def test_a_step_that_fails_is_shown_with_what_it_said(rehearsed):
    with pytest.raises(FailedError, match=r"RUN false\nexit code 1\noutit failed"):
        rehearsed("FROM debian AS last\nRUN false\n")


def test_what_is_not_there_is_not_copied(rehearsed):
    with pytest.raises(FailedError, match=r"COPY three /: there is no three"):
        rehearsed("FROM debian AS last\nCOPY three /\n")
