"""The page about padding: its piece of code is run, and its numbers are what comes out."""

import re

from tests.docs.pages import ROOT
from tests.documented_code import pieces


def test_padding_changes_nothing_with_masks_and_everything_without(tmp_path, monkeypatch, capsys):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "pretrained").symlink_to(ROOT / "model" / "pretrained")
    monkeypatch.chdir(tmp_path)
    names: dict[str, float] = {}

    exec(compile(pieces("padding.md")["measure_padding.py"], "measure_padding.py", "exec"), names)

    page = (ROOT / "docs" / "padding.md").read_text(encoding="utf-8")
    told = re.search(r"^largest logit (\d+); changed by padding: masked (\S+), unmasked (\S+)$", page, re.MULTILINE)
    assert told is not None
    largest, masked, unmasked = map(float, told.groups())
    assert abs(names["largest"] - largest) <= 0.5
    assert abs(names["unmasked"] - unmasked) <= 0.1
    # Rounding alone, whose last digits are each processor's own.
    assert names["masked"] < 10 * masked < 1e-4
    assert capsys.readouterr().out.startswith(f"largest logit {largest:.0f}; changed by padding: masked ")
