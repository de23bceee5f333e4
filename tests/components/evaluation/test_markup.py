"""Numbers and tables as they stand in a report."""

import math

import pytest

from components.evaluation.markup import (
    count,
    decimal,
    escape,
    number,
    percent,
    percent_range,
    points,
    points_range,
    section,
    table,
)


@pytest.mark.parametrize("missing", [None, math.nan, math.inf, "0.5", True])
def test_what_is_no_number_is_a_dash(missing):
    assert {percent(missing), points(missing), count(missing), decimal(missing, 1)} == {"–"}
    assert percent_range({"low": missing, "high": 0.5}) == points_range({"low": 0.1, "high": missing}) == "–"
    assert percent_range(None) == points_range(None) == "–"


def test_numbers_as_people_read_them():
    assert percent(0.0279, 2) == "2.79\u00a0%"
    assert percent_range({"low": 0.1, "high": 0.25}) == "10.0 to 25.0\u00a0%"
    assert (points(-0.0086), points(0.01), points(-0.00001)) == ("−0.86", "+1.00", "0.00")
    assert points_range({"low": -0.01, "high": 0.002}) == "−1.00 to +0.20"
    assert (count(52_576), decimal(1234.56, 1), number(0.123456), number(None)) == ("52,576", "1,234.6", "0.1235", "")


def test_headings_are_escaped_and_cells_are_markup_already():
    made = table(("<a>",), [("<b>1</b>",)], "numbers")
    assert '<th scope="col">&lt;a&gt;</th>' in made
    assert "<td><b>1</b></td>" in made
    assert '<table class="numbers">' in made
    assert section("<a>", "<p>1</p>", "one") == '<section id="one"><h2>&lt;a&gt;</h2><p>1</p></section>'
    assert escape("'\"<>&") == "&#x27;&quot;&lt;&gt;&amp;"
