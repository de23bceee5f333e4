"""Starting the demo where something is missing; tests/e2e/test_demo.py starts it where nothing is."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo import serve
from tests.tone_release import write_tone_release

ROOT = Path(__file__).parents[2]


def test_without_a_model_it_ends_with_one_sentence(tmp_path, capsys):
    assert serve.main(["--workspace", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(r"The demo needs a released model, and \S+ holds none; run `make run` .*\n", said.err)
    (tmp_path / "onnx").mkdir()
    assert serve.main(["--model", str(tmp_path / "onnx")]) == 2
    assert "holds no onnx/model.onnx" in capsys.readouterr().err


def test_without_gradio_make_demo_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    for name in serve._QUIET:
        # What it sets must not reach other tests.
        monkeypatch.setenv(name, "")
    release = write_tone_release(tmp_path / "onnx")
    assert serve.main(["--model", str(release)]) == 2
    assert capsys.readouterr().err == (
        "The demo needs the package gradio, which is not installed; start it with make demo.\n"
    )


def test_a_wrong_option_is_told_by_its_name(capsys):
    with pytest.raises(SystemExit, match="2"):
        serve.main(["--precision", "int4"])
    assert "--precision" in capsys.readouterr().err


def test_its_help_needs_neither_gradio_nor_tensorflow():
    code = (
        "import sys, demo.serve, demo.space\n"
        "print(sorted({'gradio', 'tensorflow', 'pipeline', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
