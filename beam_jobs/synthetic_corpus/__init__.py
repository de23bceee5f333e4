"""A corpus that needs no download: sentences of a small grammar, spoken by espeak-ng, in LibriSpeech's layout.

espeak-ng is GPL-3.0. It is loaded at run time from the wheel `espeakng-loader`, a dependency of the extra `synthetic`;
nothing of it is part of this project.
"""

from beam_jobs.synthetic_corpus.corpus import generate
from beam_jobs.synthetic_corpus.settings import SyntheticCorpusSettings

__all__ = ["SyntheticCorpusSettings", "generate"]
