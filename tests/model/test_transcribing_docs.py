"""The example of docs/transcribing.md runs as it stands."""

import re
from pathlib import Path

import soundfile

from tests.tone_release import tones_of, write_tone_release

DOCS = Path(__file__).parents[2] / "docs" / "transcribing.md"


def test_the_example_runs(tmp_path, monkeypatch, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    write_tone_release(tmp_path / "workspace" / "releases" / "wav2vec2" / "onnx")
    soundfile.write(tmp_path / "some.flac", tones_of("THE CAT"), 16_000)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, str(DOCS), "exec"), {})
    first, *words = capsys.readouterr().out.splitlines()
    assert first.startswith("THE CAT 0.84 ")
    assert [line.split()[3] for line in words] == ["THE", "CAT"]
