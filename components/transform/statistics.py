"""What StatisticsGen looks at."""

from __future__ import annotations

import tensorflow_data_validation as tfdv

from model.examples import METADATA_FEATURES


def stats_options() -> tfdv.StatsOptions:
    """Returns options that leave out the audio, whose bytes have no useful statistics, and the ids."""
    return tfdv.StatsOptions(feature_allowlist=list(METADATA_FEATURES))
