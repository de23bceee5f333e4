"""Which model the demo takes, and which sounds it offers."""

import pytest

from demo.heading import heading_html
from demo.released import open_model, released_model, sounds_in
from model.errors import UsageError
from tests.tone_release import write_tone_release


def test_what_is_named_comes_first_then_the_newest_of_the_workspace(tmp_path, monkeypatch):
    version = write_tone_release(tmp_path / "releases" / "tones" / "onnx" / "1")
    (version.parent / "latest").write_text("1\n")
    assert released_model(None, tmp_path) == version.parent
    monkeypatch.setenv("W2V2_WORKSPACE", str(tmp_path))
    assert released_model(None, None) == version.parent
    assert released_model(tmp_path / "mine", tmp_path) == tmp_path / "mine"
    model = open_model(None, None, "auto", "auto")
    assert model.directory == version
    assert "1 · onnxruntime in float32" in heading_html(model)


def test_where_nothing_is_released_make_run_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("W2V2_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="needs a released model, and workspace holds none; run `make run` until"):
        open_model(None, None, "auto", "auto")


def test_only_sounds_are_offered_by_name(tmp_path):
    for name in ("b.flac", "a.WAV", "notes.txt"):
        (tmp_path / name).touch()
    assert sounds_in(tmp_path) == [tmp_path / "a.WAV", tmp_path / "b.flac"]
    with pytest.raises(UsageError, match="--examples must be a directory of sounds"):
        sounds_in(tmp_path / "b.flac")
