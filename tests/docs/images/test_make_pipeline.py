"""The picture of the graph is that of the real graph."""

import importlib.util
import re
import xml.etree.ElementTree as ET

import pytest

from pipeline.nodes import node_ids
from tests.docs.pages import ROOT

_SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_pipeline", ROOT / "docs" / "images" / "make_pipeline.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def picture(script):
    return script.PICTURE.read_text(encoding="utf-8")


def test_the_picture_is_what_the_script_draws_now(script, picture):
    assert script.draw(script.read_graph()) == picture, "run docs/images/make_pipeline.py"


def test_every_node_is_drawn_and_no_other(picture):
    root = ET.fromstring(picture)
    assert sorted(title.text or "" for title in root.iter(f"{_SVG}title")) == sorted(node_ids("ctc"))


def test_the_boxes_lie_beside_each_other_and_within_the_picture(picture):
    root = ET.fromstring(picture)
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    boxes = [
        tuple(float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
        for group in root.iter(f"{_SVG}g")
        for rect in group.iter(f"{_SVG}rect")
    ]
    assert len(boxes) == len(node_ids("ctc"))
    assert all(x >= 0 and y >= 0 and x + wide <= width and y + high <= height for x, y, wide, high in boxes)
    for number, (x, y, wide, high) in enumerate(boxes):
        for other_x, other_y, other_wide, other_high in boxes[number + 1 :]:
            apart = x + wide < other_x or other_x + other_wide < x or y + high < other_y or other_y + other_high < y
            assert apart


def test_an_arrow_that_follows_from_others_is_left_out(script):
    nodes = [
        script.Node("a", ("x",), True, frozenset()),
        script.Node("b", ("x",), True, frozenset({"a"})),
        script.Node("c", ("x",), False, frozenset({"a", "b"})),
        script.Node("d", ("x & y",), False, frozenset({"a"})),
        script.Node("e", ("x",), False, frozenset({"c", "d"})),
    ]
    drawn = script.draw(nodes)
    assert 'aria-label="b after a; c after b; d after a; e after c, d"' in drawn
    assert len(re.findall(r"marker-end", drawn)) == 5
    assert "x &amp; y" in drawn


def test_it_is_legible_in_both_schemes_and_asks_nothing_of_the_network(picture):
    assert "prefers-color-scheme: dark" in picture
    assert set(re.findall(r"https?://[^\"' ]+", picture)) == {"http://www.w3.org/2000/svg"}
    assert "<script" not in picture
