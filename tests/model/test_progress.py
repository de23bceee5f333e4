"""Progress: a line an event, and never an error."""

import json

from model.progress import EVENTS_VARIABLE, emit, report


def test_events_are_lines_of_json(tmp_path, monkeypatch):
    path = tmp_path / "events.jsonl"
    monkeypatch.setenv(EVENTS_VARIABLE, str(path))
    report(3, 10, "steps", "loss 1.0")
    emit("node_started", {"node": "Trainer"})
    first, second = map(json.loads, path.read_text().splitlines())
    assert first.pop("time") <= second.pop("time")
    assert first == {"event": "progress", "done": 3, "total": 10, "unit": "steps", "text": "loss 1.0"}
    assert second == {"event": "node_started", "node": "Trainer"}


def test_without_a_file_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.delenv(EVENTS_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    report(1, None, "steps")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_ends_nothing(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv(EVENTS_VARIABLE, str(tmp_path / "none" / "events.jsonl"))
    report(1, 2, "steps")
    assert "cannot be written" in caplog.text
