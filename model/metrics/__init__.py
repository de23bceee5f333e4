"""Error rates as counts, and how sure one can be of them. No TensorFlow; jiwer is imported when it is first used.

`normaliser` says what is compared, `alignment` and `counting` compare it, `bootstrap` gives intervals, `comparison`,
`matched_pairs` and `non_inferiority` hold two systems against each other, `slices` parts the test set, and `scoring`
puts all of it together.
"""

from model.metrics.alignment import AlignedWord, align_words, align_words_of
from model.metrics.bootstrap import MIN_BLOCKS, Bootstrap, Interval, rate_interval, ratio_interval
from model.metrics.comparison import Difference, paired_difference, paired_ratio_difference
from model.metrics.counting import (
    count_character_errors,
    count_character_errors_of,
    count_word_errors,
    counts_of_alignment,
)
from model.metrics.counts import Counts, total
from model.metrics.matched_pairs import MatchedPairs, matched_pairs_test
from model.metrics.non_inferiority import NonInferiority, judge_non_inferiority
from model.metrics.normaliser import NORMALISERS, TextNormaliser, get_normaliser
from model.metrics.scores import Comparison, Frequent, Score, ScoredUtterance, SliceScore, SystemScore
from model.metrics.scoring import ScoringSettings, score
from model.metrics.slices import UNKNOWN, SliceSettings, slice_keys
from model.metrics.transcript import Transcript

__all__ = [
    "MIN_BLOCKS",
    "NORMALISERS",
    "UNKNOWN",
    "AlignedWord",
    "Bootstrap",
    "Comparison",
    "Counts",
    "Difference",
    "Frequent",
    "Interval",
    "MatchedPairs",
    "NonInferiority",
    "Score",
    "ScoredUtterance",
    "ScoringSettings",
    "SliceScore",
    "SliceSettings",
    "SystemScore",
    "TextNormaliser",
    "Transcript",
    "align_words",
    "align_words_of",
    "count_character_errors",
    "count_character_errors_of",
    "count_word_errors",
    "counts_of_alignment",
    "get_normaliser",
    "judge_non_inferiority",
    "matched_pairs_test",
    "paired_difference",
    "paired_ratio_difference",
    "rate_interval",
    "ratio_interval",
    "score",
    "slice_keys",
    "total",
]
