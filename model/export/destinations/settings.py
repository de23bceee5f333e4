"""Where else the versions of a model are published: what a person may choose of the hubs."""

from __future__ import annotations

import dataclasses
import re

from model.export.release import CHECKPOINT, FORMATS, ONNX, SAVED_MODEL, Format
from model.settings import require

# The rules of the Hugging Face Hub for names: letters, digits, `_`, `-` and `.`, and none of the latter two at an end.
_REPOSITORY = re.compile(r"(?!.*(?:--|\.\.))\w(?:[\w.-]{0,94}\w)?/\w(?:[\w.-]{0,94}\w)?(?<!\.git)", re.ASCII)
_SLUG = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,98}[A-Za-z0-9])?"
_HANDLE = re.compile(rf"{_SLUG}/{_SLUG}/[A-Za-z0-9]+/{_SLUG}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

FORMAT_BY_FRAMEWORK: dict[str, Format] = {"tensorFlow2": SAVED_MODEL, "onnx": ONNX, "transformers": CHECKPOINT}
"""What Kaggle calls a framework, and the format of a release that it loads."""


@dataclasses.dataclass(frozen=True)
class HuggingFaceSettings:
    """A repository on the Hugging Face Hub that gets each release in one format, as one commit with a tag.

    Attributes:
      repository: `owner/name`; it is made where there is none. The commit replaces what is in it, so that a repository
        is for one format of one model.
      format: `checkpoint`, which transformers loads; `onnx`, for optimum and transformers.js; or `saved_model`.
      private: Whether a repository that is made is private.
      token_variable: The variable of the environment that holds a token that may write there; never the token itself.
    """

    repository: str
    format: Format = CHECKPOINT
    private: bool = False
    token_variable: str = "HF_TOKEN"

    def __post_init__(self) -> None:
        require(
            _REPOSITORY.fullmatch(self.repository) is not None,
            f"repository must be owner/name on the Hugging Face Hub, not {self.repository!r}.",
        )
        require(self.format in FORMATS, f"format must be one of {', '.join(FORMATS)}, not {self.format!r}.")
        _require_variable("token_variable", self.token_variable)

    @property
    def address(self) -> str:
        """The address for people."""
        return f"hf://{self.repository}"


@dataclasses.dataclass(frozen=True)
class KaggleSettings:
    """A variation on Kaggle Models that gets each release as its next version.

    Attributes:
      handle: `owner/model/framework/variation`, without a version. The framework chooses the format: `tensorFlow2` gets
        the SavedModel, `onnx` the ONNX folder, `transformers` the checkpoint. Model and variation are made where there
        are none; a model that is made is private, and its page on Kaggle makes it public.
      token_variable: The variable of the environment that holds an API token; never the token itself.
      username_variable: Where that is not set: the variable that holds the user's name, and
      key_variable: the one that holds the key of the older kind of API token.
    """

    handle: str
    token_variable: str = "KAGGLE_API_TOKEN"
    username_variable: str = "KAGGLE_USERNAME"
    key_variable: str = "KAGGLE_KEY"

    def __post_init__(self) -> None:
        require(
            _HANDLE.fullmatch(self.handle) is not None,
            f"handle must be owner/model/framework/variation on Kaggle, without a version, not {self.handle!r}.",
        )
        framework = self.handle.split("/")[2]
        require(
            framework in FORMAT_BY_FRAMEWORK,
            f"The framework in handle must be one of {', '.join(FORMAT_BY_FRAMEWORK)}, not {framework!r}.",
        )
        for name in ("token_variable", "username_variable", "key_variable"):
            _require_variable(name, getattr(self, name))

    @property
    def format(self) -> Format:
        """What is published there."""
        return FORMAT_BY_FRAMEWORK[self.handle.split("/")[2]]

    @property
    def address(self) -> str:
        """The address for people."""
        return f"kaggle://{self.handle}"


@dataclasses.dataclass(frozen=True)
class PublicationSettings:
    """Where the pushers publish what passed the gate.

    Attributes:
      destination: A directory or `gs://<bucket>/<prefix>`, below which `<name>/<format>/<version>/` appears; empty for
        `releases/` in the workspace.
      hugging_face: Repositories that get the same bytes afterwards.
      kaggle: Variations that do.
    """

    destination: str = ""
    hugging_face: tuple[HuggingFaceSettings, ...] = ()
    kaggle: tuple[KaggleSettings, ...] = ()

    def __post_init__(self) -> None:
        scheme, separator, _ = self.destination.partition("://")
        require(
            not separator or scheme == "gs",
            "publication.destination must be a directory or gs://<bucket>/<prefix>, not"
            f" {self.destination!r}; hubs have fields of their own.",
        )
        addresses = [hub.address for hub in (*self.hugging_face, *self.kaggle)]
        for address in addresses:
            require(
                addresses.count(address) == 1,
                f"publication must name a hub's place once, because a release replaces another there: {address}.",
            )

    def of_format(self, format_: Format) -> PublicationSettings:
        """Returns the settings with those hubs alone that get a format."""
        return dataclasses.replace(
            self,
            hugging_face=tuple(hub for hub in self.hugging_face if hub.format == format_),
            kaggle=tuple(hub for hub in self.kaggle if hub.format == format_),
        )


def _require_variable(name: str, value: str) -> None:
    # Whoever puts the token itself here would have it in records and caches; the message does not repeat it.
    require(
        _VARIABLE.fullmatch(value) is not None and not value.startswith("hf_"),
        f"{name} must be the name of a variable of the environment, such as HF_TOKEN, and never a token itself.",
    )
