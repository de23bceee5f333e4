"""What is drawn: the numbers that stand in a picture, and where."""

import io

import numpy as np
import pytest
from matplotlib import pyplot as plt

from model.figures import Rate, draw_bars, draw_curves, draw_rates, draw_words
from model.metrics import Transcript, score
from model.word import Word


@pytest.fixture(autouse=True)
def without_a_window():
    plt.switch_backend("agg")
    yield
    assert plt.get_fignums() == [], "what pyplot holds, a notebook shows twice"


def texts(figure):
    (axes,) = figure.axes
    return [one.get_text() for one in axes.texts]


def png_bytes(figure):
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return len(stream.getvalue())


def test_rates_stand_on_their_intervals():
    figure = draw_rates([Rate("all", 0.086, 0.065, 0.104), Rate("F", 0.5, 0.25, 1.2)], "By slice")
    (axes,) = figure.axes
    assert texts(figure) == ["8.6 %", "50.0 %"]
    assert [one.get_text() for one in axes.get_yticklabels()] == ["all", "F"]
    segments = axes.collections[0].get_segments()
    np.testing.assert_allclose([one[:, 0] for one in segments], [[6.5, 10.4], [25.0, 120.0]])
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [8.6, 50.0])
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "the first is at the top"
    assert axes.get_title(loc="left") == "By slice"
    assert 1_000 < png_bytes(figure) < 60_000


def test_a_rate_of_a_score_has_its_interval():
    found = score([Transcript("a", "ONE TWO"), Transcript("b", "THREE FOUR")], {"a": "ONE TOO", "b": "THREE FOUR"})
    rate = Rate.of("all", found)
    assert (rate.name, rate.rate) == ("all", 0.25)
    assert (rate.low, rate.high) == (found.system.interval.low, found.system.interval.high)


def test_a_rate_without_an_interval_is_a_point():
    figure = draw_rates([Rate("alone", 0.25)], "Rates")
    assert texts(figure) == ["25.0 %"]
    assert not any(one.size for one in figure.axes[0].collections[0].get_segments())
    assert png_bytes(figure) > 1_000
    assert texts(draw_rates([], "Nothing")) == []


def test_bars_have_their_numbers():
    figure = draw_bars({"graph": 1.2345, "int8": 0.5}, "Medians", "seconds", digits=2)
    assert texts(figure) == ["1.23", "0.50"]
    assert [one.get_width() for one in figure.axes[0].patches] == [1.2345, 0.5]
    assert figure.axes[0].get_xlabel() == "seconds"


def test_curves_are_named_where_there_are_several():
    one = draw_curves({"loss": ([1, 2], [3.0, 2.0])}, "Loss", "steps", "nats")
    assert one.axes[0].get_legend() is None
    np.testing.assert_allclose(one.axes[0].lines[0].get_xydata(), [[1, 3], [2, 2]])
    two = draw_curves({"a": ([1], [1]), "b": ([2], [2])}, "Loss", "steps", "nats")
    assert [text.get_text() for text in two.axes[0].get_legend().get_texts()] == ["a", "b"]


def test_words_stand_below_the_sound_and_not_on_one_another():
    words = [Word("STRAWBERRIES", 0.1, 0.2, 1.0), Word("ARE", 0.21, 0.25, 1.0), Word("RED", 1.5, 1.8, 1.0)]
    figure = draw_words(np.sin(np.arange(32_000)).astype(np.float32), words, "Said")
    axes = figure.axes[0]
    assert texts(figure) == ["STRAWBERRIES", "ARE", "RED"]
    places = [one.get_position() for one in axes.texts]
    assert [place[0] for place in places] == [0.1, 0.21, 1.5]
    assert places[0][1] != places[1][1], "they would overlap on one line"
    assert places[0][1] == places[2][1]
    assert axes.get_xlim() == (0.0, 2.0)
    figure.canvas.draw()
    boxes = [one.get_window_extent() for one in axes.texts]
    assert not any(a.overlaps(b) for number, a in enumerate(boxes) for b in boxes[number + 1 :])


def test_sound_of_16_bits_and_sound_without_a_word_or_a_sample():
    figure = draw_words(np.full(16_000, 16_384, np.int16), [], "Loud")
    path = figure.axes[0].collections[0].get_paths()[0]
    assert path.vertices[:, 1].max() == pytest.approx(0.5)
    assert texts(draw_words(np.zeros(0, np.float32), [], "Nothing")) == []
