"""Vertex ML Metadata, as far as this project asks it: artifacts that are found, and whose metadata is changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from google.api_core import exceptions
from google.cloud import aiplatform_v1
from google.protobuf import field_mask_pb2

from components.vertex_client import REQUEST_SECONDS, VertexClient, message, plain

# Pipelines keep their artifacts in the store of this name, one in each region.
_STORE = "default"
_PAGE = 1000


class VertexMetadata:
    """The metadata store of one project and region. Answers are plain dictionaries, named as in the API's JSON.

    The arguments and errors are those of `VertexService`.
    """

    def __init__(
        self, project: str, region: str, credentials: Any = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        client = VertexClient(project, region, credentials, sleep)
        self._asked, self._listed = client.ask, client.listed
        self._store = f"{client.parent}/metadataStores/{_STORE}"
        self._metadata = client.make(aiplatform_v1.MetadataServiceClient)

    def artifacts(self, schema_title: str, properties: Mapping[str, str]) -> list[dict[str, Any]]:
        """Returns the artifacts of a type that have these texts in their metadata.

        Args:
          schema_title: Such as `tfx.ModelBlessing`.
          properties: Texts without quotes, by name.
        """
        terms = [f'schema_title="{schema_title}"']
        terms += [f'metadata.{name}.string_value="{value}"' for name, value in sorted(properties.items())]
        request = {"parent": self._store, "filter": " AND ".join(terms), "page_size": _PAGE}
        return self._listed(
            lambda: self._metadata.list_artifacts(request=request, retry=None, timeout=REQUEST_SECONDS),
            "list artifacts",
        )

    def artifact(self, name: str) -> dict[str, Any]:
        """Returns an artifact, by its whole name."""
        return plain(self._asked(lambda: self._get(name), f"tell of {name}"))

    def change(self, name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Changes values of an artifact's metadata, and keeps all others; returns the artifact as it is then.

        Whoever else changes it at the same time is not overwritten: the service refuses what was made of an older
        state, which is then read anew. An attempt whose answer was lost is found done.

        Args:
          name: Its whole name.
          changes: The new values, by name.
        """

        def attempt() -> Any:
            found = plain(self._get(name))
            metadata = found.get("metadata", {})
            if any(metadata.get(key) != value for key, value in changes.items()):
                # The whole artifact with its `etag`, so that nothing is lost by a service that looks at no mask.
                wanted = message(aiplatform_v1.Artifact, {**found, "metadata": {**metadata, **changes}})
                self._metadata.update_artifact(
                    artifact=wanted,
                    update_mask=field_mask_pb2.FieldMask(paths=["metadata"]),
                    retry=None,
                    timeout=REQUEST_SECONDS,
                )
            return self._get(name)

        # Aborted, which is a conflict, is what it says where the state is an older one.
        return plain(self._asked(attempt, f"change {name}", also=(exceptions.Conflict,)))

    def _get(self, name: str) -> Any:
        return self._metadata.get_artifact(name=name, retry=None, timeout=REQUEST_SECONDS)
