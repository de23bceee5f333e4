"""The progress of several workers is added up; what was finished before is done, and not for the speed."""

import json

from model import speech_progress
from model.progress import EVENTS_VARIABLE
from model.speech_progress import SpeechMeter, SpeechProgress, announce, report_counted


def told(worker, time, utterances, seconds, rejected=0, kept=0):
    return {
        "event": "speech", "time": time, "worker": worker, "utterances": utterances, "seconds": seconds,
        "rejected": rejected, "kept": kept,
    }  # fmt: skip


def test_workers_are_added_up_by_their_latest_word():
    progress = SpeechProgress()
    assert progress.words() == "starting"
    progress.add({"event": "speech", "time": 0.0, "total": 1000})
    assert (progress.done, progress.total, progress.words()) == (0, 1000, "starting")
    progress.add(told("a", 20.0, 0, 0.0))
    progress.add(told("b", 21.0, 0, 0.0))
    assert progress.words() == "0.00 h · 0 rejected"
    progress.add(told("a", 25.0, 50, 600.0))
    progress.add(told("a", 30.0, 100, 1200.0, rejected=2))
    progress.add(told("b", 30.0, 100, 2400.0, rejected=1))
    assert progress.done == 200
    assert progress.words() == "40 s left · 1.00 h · 360 × real time · 3 rejected"


def test_what_was_finished_before_does_not_count_for_the_speed():
    progress = SpeechProgress()
    progress.add({"event": "speech", "time": 0.0, "total": 1000})
    progress.add(told("a", 0.0, 0, 0.0, kept=600))
    assert progress.done == 600
    progress.add(told("a", 10.0, 100, 1000.0, rejected=4, kept=600))
    assert progress.words() == "30 s left · 0.28 h · 100 × real time · 4 rejected"


def test_a_part_that_is_done_twice_is_not_more_than_all():
    progress = SpeechProgress()
    progress.add({"event": "speech", "time": 0.0, "total": 10})
    for worker in "ab":
        progress.add(told(worker, 9.0, 10, 1.0))
    assert progress.done == 10


def test_long_times_are_told_in_hours():
    progress = SpeechProgress()
    progress.add({"event": "speech", "time": 0.0, "total": 281_241})
    progress.add(told("a", 0.0, 0, 0.0))
    progress.add(told("a", 10.0, 281, 3456.0))
    assert progress.words().startswith("2 h 46 min left · ")
    progress.add(told("a", 100.0, 260_000, 3456.0))
    assert progress.words().startswith("8.2 s left · ")
    progress.add(told("a", 1000.0, 260_000, 3456.0))
    assert progress.words().startswith("1 min 22 s left · ")


def test_a_meter_reports_now_and_then(tmp_path, monkeypatch):
    path = tmp_path / "events"
    monkeypatch.setenv(EVENTS_VARIABLE, str(path))
    clock = [100.0]
    monkeypatch.setattr(speech_progress.time, "monotonic", lambda: clock[0])
    announce(7)
    meter = SpeechMeter(16_000)
    meter.kept(3, 1)
    for _ in range(3):
        clock[0] += 0.4
        meter.heard(16_000)
    meter.rejected()
    meter.report()
    events = [json.loads(line) for line in path.read_text().splitlines()]
    progress = SpeechProgress()
    for event in events:
        progress.add(event)
    assert [event.get("utterances") for event in events] == [None, 0, 3, 4]
    assert (progress.done, progress.total) == (7, 7)
    assert progress.words() == "0.00 h · 2 rejected"
    assert SpeechMeter(16_000)._worker != meter._worker


def test_what_an_engine_counts_stands_for_all_workers(tmp_path, monkeypatch):
    path = tmp_path / "events"
    monkeypatch.setenv(EVENTS_VARIABLE, str(path))
    announce(100)
    report_counted(utterances=10, seconds=3600.0, rejected=3, kept=20)
    report_counted(utterances=40, seconds=7200.0, rejected=4, kept=20)
    progress = SpeechProgress()
    for line in path.read_text().splitlines():
        progress.add(json.loads(line))
    assert progress.done == 60
    assert progress.words().startswith("2.00 h · 4 rejected")
