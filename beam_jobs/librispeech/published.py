"""What is published of LibriSpeech: its subsets, their archives and their counts.

Sources: OpenSLR resource 12 (its `md5sum.txt` and the sizes of its archives); Panayotov et al., "LibriSpeech: an ASR
corpus based on public domain audio books", ICASSP 2015, table 1; and `SPEAKERS.TXT` of the corpus, whose minutes give
the hours here. The paper's table has the hours of dev-other and test-other the other way round.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import types
import urllib.parse
from collections.abc import Mapping

from model.errors import UsageError

OPENSLR_URL = "https://www.openslr.org/resources/12/"
URL_VARIABLE = "W2V2_LIBRISPEECH_URL"


@dataclasses.dataclass(frozen=True)
class PublishedSubset:
    """A subset of LibriSpeech as it was published.

    Attributes:
      name: Such as `train-clean-100`.
      archive_bytes: Size of its archive.
      archive_md5: MD5 sum (hex) of its archive.
      utterances: How many it holds.
      words: In all its transcripts; None where nobody published it.
      hours: Of speech, rounded to hundredths.
      speakers_female: Women who read.
      speakers_male: Men who read.
    """

    name: str
    archive_bytes: int
    archive_md5: str
    utterances: int
    words: int | None
    hours: float
    speakers_female: int
    speakers_male: int

    @property
    def archive(self) -> str:
        """The name of its archive."""
        return f"{self.name}.tar.gz"

    @property
    def speakers(self) -> int:
        """How many people read."""
        return self.speakers_female + self.speakers_male


PUBLISHED: Mapping[str, PublishedSubset] = types.MappingProxyType(
    {
        subset.name: subset
        for subset in (
            PublishedSubset("dev-clean", 337_926_286, "42e2234ba48799c1f50f24a7926300a1", 2_703, 54_402, 5.39, 20, 20),
            PublishedSubset("dev-other", 314_305_928, "c8d0bcc9cca99d4f8b62fcc847357931", 2_864, 50_948, 5.12, 16, 17),
            PublishedSubset("test-clean", 346_663_984, "32fa31d27d2e1cad72775fee3f4849a9", 2_620, 52_576, 5.40, 20, 20),
            PublishedSubset("test-other", 328_757_843, "fb5a50374b501bb3bac4815ee91d3135", 2_939, 52_343, 5.34, 17, 16),
            PublishedSubset(
                "train-clean-100", 6_387_309_499, "2a93770f6d5c6c964bc36631d331a522", 28_539, None, 100.59, 125, 126
            ),
            PublishedSubset(
                "train-clean-360", 23_049_477_885, "c0e676e450a7ff2f54aeade5171606fa", 104_014, None, 363.61, 439, 482
            ),
            PublishedSubset(
                "train-other-500", 30_593_501_606, "d1a0fd59409feb2c614ce4d30c387708", 148_688, None, 496.86, 564, 602
            ),
        )
    }
)


def subsets_of(names: str) -> tuple[str, ...]:
    """Returns the subsets that a text names.

    Args:
      names: Separated by commas, such as `train-clean-100,test-clean`; blanks around them do not count.

    Returns:
      The names in the order given, each once.

    Raises:
      UsageError: nothing is named, or something that is no subset.
    """
    found = [name.strip() for name in names.split(",") if name.strip()]
    if not found:
        raise UsageError(f"Name one subset of LibriSpeech at least; they are {', '.join(PUBLISHED)}.")
    for name in found:
        if name not in PUBLISHED:
            near = difflib.get_close_matches(name.lower(), PUBLISHED, n=1)
            mend = f"did you mean {near[0]!r}?" if near else f"they are {', '.join(PUBLISHED)}."
            raise UsageError(f"{name!r} is no subset of LibriSpeech; {mend}")
    return tuple(dict.fromkeys(found))


def mirror_url(base_url: str | None = None) -> str:
    """Returns where the archives lie, with a slash at its end.

    Args:
      base_url: A mirror; else the environment variable W2V2_LIBRISPEECH_URL, else OpenSLR.

    Raises:
      UsageError: it is no http or https address.
    """
    url = base_url or os.environ.get(URL_VARIABLE) or OPENSLR_URL
    try:
        parts = urllib.parse.urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        fits = False
    if not fits or any(character.isspace() or not character.isprintable() for character in url):
        raise UsageError(
            f"A mirror of LibriSpeech must be an http or https address of a directory, such as {OPENSLR_URL}, not"
            f" {url!r}; mend the argument or the environment variable {URL_VARIABLE}."
        )
    return url.rstrip("/") + "/"
