"""What a person may choose about a release."""

from __future__ import annotations

import dataclasses
import re

from model.settings import require

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
# The first has the layer norm; the last is what the runtimes of 2024 know.
_OPSETS = range(17, 21)


@dataclasses.dataclass(frozen=True)
class ReleaseSettings:
    """Settings of a release.

    Attributes:
      name: The name under which releases are published, a directory's name.
      onnx_opset: The version of ONNX's operators.
      license: The licence of the released weights, an SPDX identifier as the hubs write it (`apache-2.0`); only a
        person can know it.
      language: The spoken language, ISO 639 code.
      int8_utterances: On how many utterances of the validation split it is measured what int8 changes; 0 for none, and
        then everything is quantised that can be.
      min_int8_text_agreement: The share of them whose text must be that of float32; parts of the model stay in float32
        until it is.
    """

    name: str = "wav2vec2"
    onnx_opset: int = 17
    license: str = "unknown"
    language: str = "en"
    int8_utterances: int = 128
    min_int8_text_agreement: float = 0.995

    def __post_init__(self) -> None:
        require(
            _NAME.fullmatch(self.name) is not None,
            "release.name must be letters, digits, '.', '-' and '_', a letter or digit first, because it names a"
            f" directory, not {self.name!r}.",
        )
        require(
            self.onnx_opset in _OPSETS,
            f"release.onnx_opset must be {_OPSETS.start} to {_OPSETS.stop - 1}, not {self.onnx_opset}.",
        )
        require(
            bool(self.license) and self.license.isprintable(),
            f"release.license must be an SPDX identifier in one line, or 'unknown', not {self.license!r}.",
        )
        require(self.int8_utterances >= 0, f"release.int8_utterances must be at least 0, not {self.int8_utterances}.")
        require(
            0 <= self.min_int8_text_agreement <= 1,
            f"release.min_int8_text_agreement must be a share from 0 to 1, not {self.min_int8_text_agreement}.",
        )
        require(
            _LANGUAGE.fullmatch(self.language) is not None,
            f"release.language must be a code of two or three small letters, such as 'en', not {self.language!r}.",
        )
