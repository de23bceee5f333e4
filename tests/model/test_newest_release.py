"""Which release is the newest: by when it was published, and recognisers only."""

import os

from model.newest_release import newest_recogniser


def publish(releases, name, second, description="not a release"):
    folder = releases / name / "onnx"
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "RELEASE.json").write_text(description)
    (folder / "latest").write_text("1\n")
    os.utime(folder / "latest", (second, second))
    return folder


def test_the_one_that_was_published_last_and_none_where_nothing_was(tmp_path):
    assert newest_recogniser(tmp_path / "releases") is None
    (tmp_path / "a" / "saved_model").mkdir(parents=True)
    assert newest_recogniser(tmp_path) is None
    second = publish(tmp_path, "b", 2)
    publish(tmp_path, "c", 1)
    assert newest_recogniser(tmp_path) == second
