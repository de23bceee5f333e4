"""The folder that is pushed as a Space: it holds what is needed, and starts from nothing else."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo import space
from model import Transcriber
from model.errors import ReleaseError, UsageError
from model.export.release import Release, read_release
from model.storage import release_digest, sha256_of_file
from tests.tone_release import tones_of, write_tone_release

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "demo" / "examples"


@pytest.fixture
def version(tmp_path):
    """A published version of the recogniser of tones, with a file for another library, and a card."""
    directory = write_tone_release(tmp_path / "releases" / "tones" / "onnx" / "3")
    (directory / "onnx_asr").mkdir()
    (directory / "onnx_asr" / "model.fp32.onnx").write_bytes(b"the same weights again")
    files = {f"onnx/{path.relative_to(directory)}": path for path in directory.rglob("*") if path.is_file()}
    hashes = {name: sha256_of_file(path) for name, path in files.items()}
    Release(
        name="tones", model_digest="7" * 64, release_digest=release_digest(hashes), files=hashes,
        sizes_bytes={name: path.stat().st_size for name, path in files.items()}, source_checkpoint=None,
        license="apache-2.0", language="en", sample_rate_hz=16_000, versions={}, format="onnx", version=3,
    ).write(directory)  # fmt: skip
    (directory / "README.md").write_text("# The card\n")
    (directory.parent / "latest").write_text("3\n")
    return directory


def test_it_holds_the_app_the_packages_the_release_and_the_examples(version, tmp_path, capsys):
    assert space.main(["--workspace", str(tmp_path), "--output", str(tmp_path / "space")]) == 0
    assert re.match(r"\S+space is a Space of \d+ MB, over \S+tones/onnx; docs/demo.md says", capsys.readouterr().out)
    made = tmp_path / "space"
    assert sorted(path.name for path in made.iterdir()) == [
        ".assembled-space", ".gitattributes", "README.md", "app.py", "demo", "examples", "model", "release",
        "requirements.txt",
    ]  # fmt: skip
    assert {path.suffix for path in made.joinpath("model").rglob("*") if path.is_file()} == {".py"}
    assert (made / "demo" / "page.css").read_bytes() == (ROOT / "demo" / "page.css").read_bytes()
    assert sorted(path.name for path in (made / "examples").iterdir()) == sorted(
        path.name for path in EXAMPLES.glob("*.flac")
    )
    assert "*.onnx filter=lfs" in (made / ".gitattributes").read_text()
    assert (made / "release" / "README.md").read_text() == "# The card\n"
    assert not (made / "release" / "onnx_asr").exists()


def test_the_release_in_it_is_whole_by_its_own_description(version, tmp_path):
    space.assemble(version, tmp_path / "space", EXAMPLES)
    release = tmp_path / "space" / "release"
    assert Transcriber(release, check_hashes=True).transcribe(tones_of("THE CAT")).text == "THE CAT"
    described = read_release(release)
    assert (described.name, described.version, described.format) == ("tones", 3, "onnx")
    (release / "config.json").write_text("{}")
    with pytest.raises(ReleaseError, match=r"config\.json must have \d+ bytes"):
        Transcriber(release)


def test_its_modules_are_imported_from_it_alone(version, tmp_path):
    made = tmp_path / "space"
    space.assemble(version, made, EXAMPLES)
    code = (
        "import sys; from pathlib import Path\n"
        f"sys.path[:] = ['.', *(p for p in sys.path if p and Path(p).resolve() != Path({str(ROOT)!r}))]\n"
        # Neither is what is not in the folder taken from the project, whose installation leads to its code.
        "sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in getattr(f, '__module__', '')]\n"
        "import demo.serve, demo.answers, model.transcriber\n"
        "(*_, last) = demo.answers.answers(model.transcriber.Transcriber('release'), sys.argv[1])\n"
        "print(last.text, Path(model.__file__).parent.parent.resolve() == Path.cwd())"
    )
    import soundfile

    soundfile.write(tmp_path / "dog.wav", tones_of("DOG"), 16_000)
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "dog.wav")], cwd=made, capture_output=True, text=True, check=True
    )
    assert done.stdout == "DOG True\n"


def test_it_is_replaced_as_a_whole_and_nothing_else_is(version, tmp_path, capsys):
    made = tmp_path / "space"
    space.assemble(version, made, EXAMPLES)
    (made / "old").touch()
    space.assemble(version, made, EXAMPLES)
    assert not (made / "old").exists()
    (made / ".git").mkdir()
    arguments = ["--model", str(version), "--output"]
    assert space.main([*arguments, str(made)]) == 2
    assert "is a Git repository; assemble elsewhere" in capsys.readouterr().err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "app.py").touch()
    assert space.main([*arguments, str(tmp_path / "mine")]) == 2
    assert "holds something else" in capsys.readouterr().err
    assert (tmp_path / "mine" / "app.py").exists()


def test_a_damaged_or_missing_release_leaves_nothing_behind(version, tmp_path):
    with pytest.raises(UsageError, match="run `make run`"):
        space.released_model(None, tmp_path / "nowhere")
    model = version / "onnx" / "model.onnx"
    content = bytearray(model.read_bytes())
    content[-1] ^= 1
    model.write_bytes(content)
    with pytest.raises(ReleaseError, match="sha256 has changed"):
        space.assemble(version, tmp_path / "space", EXAMPLES)
    assert not (tmp_path / "space").exists()


def test_the_readme_says_what_the_requirements_and_the_makefile_say():
    _, header, text = (ROOT / "demo" / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in header.splitlines())
    assert (fields["sdk"], fields["app_file"], fields["python_version"]) == ("gradio", "app.py", '"3.11"')
    requirements = (ROOT / "demo" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert f"gradio=={fields['sdk_version']}" in requirements
    assert all(re.fullmatch(r"#.*|[a-z]+==[\d.]+", line) for line in requirements), "each is pinned"
    assert "--python 3.11 .venv-demo" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert len(fields["short_description"]) <= 60
    assert text.startswith("\n# ")
