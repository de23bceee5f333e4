"""Long recordings in overlapping windows of equal length, whose frames lie where those of one pass would."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from model.config import Wav2Vec2Config

# Measured with the base architecture (docs/transcribing.md): more context changes no more words, longer windows cost
# memory, which grows with their square.
WINDOW_FRAMES = 1500
CONTEXT_FRAMES = 125


class Window(NamedTuple):
    """A part of a recording.

    Attributes:
      first_frame: Where its first frame lies in the recording.
      samples: float32 `[samples]`, as they are in the recording.
    """

    first_frame: int
    samples: np.ndarray[Any, Any]


@dataclasses.dataclass(frozen=True)
class Windows:
    """How recordings are cut.

    Two neighbours share twice the context. A recording that is no longer than a window is not cut.

    Attributes:
      samples_per_frame: The stride of the whole model: windows begin at multiples of it.
      min_samples: How many samples give one frame.
      window_frames: The length of a window.
      context_frames: How much of a window, on each side, is there for the frames in its middle.
      is_exact: Whether samples behind the last whole frame add nothing, so that the last window is as long as the
        others. An adapter pads, and makes a frame of them.
    """

    samples_per_frame: int
    min_samples: int
    window_frames: int = WINDOW_FRAMES
    context_frames: int = CONTEXT_FRAMES
    is_exact: bool = True

    def __post_init__(self) -> None:
        if not 0 < 2 * self.context_frames < self.window_frames:
            raise ValueError(f"Windows of {self.window_frames} frames need less context than {self.context_frames}.")

    @classmethod
    def of(cls, config: Wav2Vec2Config) -> Windows:
        """Returns the default for a model: 30 s with 2.5 s of context where a frame is 20 ms."""
        adapter = config.adapter_stride**config.num_adapter_layers if config.add_adapter else 1
        context_frames = -(-CONTEXT_FRAMES // adapter)
        stride = config.samples_per_frame * adapter
        window_frames = max(WINDOW_FRAMES // adapter, 2 * context_frames + 1)
        return cls(stride, config.min_samples, window_frames, context_frames, is_exact=not config.add_adapter)

    @property
    def window_samples(self) -> int:
        """The length of a window: just enough for its frames."""
        return (self.window_frames - 1) * self.samples_per_frame + self.min_samples

    @property
    def hop_samples(self) -> int:
        """From the beginning of a window to that of the next."""
        return (self.window_frames - 2 * self.context_frames) * self.samples_per_frame

    @property
    def shortest_cut_samples(self) -> int:
        """The length from which a recording is cut: it has a frame more than a window."""
        return self.window_samples + self.samples_per_frame

    def cut(self, blocks: Iterable[np.ndarray[Any, Any]]) -> Iterator[Window]:
        """Cuts a recording, holding no more of it than two windows and a block.

        The last window ends with the last frame of the recording, and shares more with the one before it, so that it is
        as long as the others.

        Args:
          blocks: The recording, float32 `[samples]` each.
        """
        # What is held begins where the latest window began.
        held, first_frame, is_cut = np.empty(0, np.float32), 0, False
        hop_frames = self.hop_samples // self.samples_per_frame
        for block in blocks:
            held = np.concatenate([held, block])
            # With a frame more behind it, a window is not the last.
            while len(held) >= self.shortest_cut_samples + (self.hop_samples if is_cut else 0):
                if is_cut:
                    held, first_frame = held[self.hop_samples :], first_frame + hop_frames
                is_cut = True
                yield Window(first_frame, held[: self.window_samples])
        more_frames = (len(held) - self.window_samples) // self.samples_per_frame if is_cut else 0
        if more_frames or not is_cut:
            last = held[more_frames * self.samples_per_frame :]
            yield Window(first_frame + more_frames, last[: self.window_samples] if is_cut and self.is_exact else last)
