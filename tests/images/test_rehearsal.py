"""What is copied into an image's context, as .dockerignore says it."""

import subprocess
import sys

from images.rehearsal import write_context
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
