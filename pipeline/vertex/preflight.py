"""What is looked at before a run on Vertex AI is started: the bucket, its region, and the images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.api_core import exceptions
from google.auth import exceptions as auth_exceptions
from google.auth.transport.requests import AuthorizedSession
from google.cloud import storage
from requests import exceptions as requests_exceptions

from beam_jobs import places
from model.errors import DataError, TryAgainError, UsageError
from pipeline.vertex.settings import ImageSettings, VertexSettings

_REQUEST_SECONDS = 30
# Regions of these continents lie within the multi-regions.
_PREFIXES_BY_MULTI_REGION = {"us": ("us-",), "eu": ("europe-",), "asia": ("asia-",)}
_MANIFEST_TYPES = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)


def look(vertex: VertexSettings) -> None:
    """Looks at the bucket of the pipeline root and at every image.

    Raises:
      UsageError: the bucket or an image does not exist, or the bucket lies in another region.
      DataError: this account must not read one of them.
      TryAgainError: Cloud Storage or the registry does not answer.
    """
    look_at_bucket(vertex)
    for field, image in _images(vertex):
        look_at_image(field, image)


def look_at_bucket(vertex: VertexSettings) -> None:
    """Looks at the bucket of the pipeline root; errors are those of `look`."""
    name = places.absolute(vertex.pipeline_root).removeprefix("gs://").partition("/")[0]
    try:
        bucket = storage.Client(project=vertex.project).get_bucket(name, timeout=_REQUEST_SECONDS)
    except exceptions.NotFound as error:
        raise UsageError(
            f"vertex.pipeline_root must lie in a bucket that exists, and gs://{name} does not; make it with `gcloud"
            f" storage buckets create gs://{name} --location {vertex.region}`."
        ) from error
    except (exceptions.Forbidden, exceptions.Unauthorized) as error:
        raise DataError(
            f"Whoever runs this must be allowed to see the bucket gs://{name}, and is not; give the account the roles"
            " Storage Object Admin and Storage Legacy Bucket Reader on it, or sign in as another."
        ) from error
    except (exceptions.GoogleAPICallError, requests_exceptions.RequestException) as error:
        raise TryAgainError(
            f"Cloud Storage must tell of gs://{name}, and did not ({error}); run again later."
        ) from error
    if not _has(bucket, vertex.region):
        raise UsageError(
            f"vertex.pipeline_root must lie in {vertex.region}, where the run is, and the bucket gs://{name} lies in"
            f" {bucket.location}: every reading would cross regions, slowly and at a price; take another bucket, or"
            " another vertex.region."
        )


def look_at_image(field: str, image: str) -> None:
    """Looks whether an image is in its registry; errors are those of `look`.

    A registry that asks for a sign-in of its own is passed over.

    Args:
      field: Its name in the settings.
      image: `<registry>/<name>@sha256:<digest>`.
    """
    place, _, digest = image.partition("@")
    registry, _, name = place.partition("/")
    scheme = "http" if registry.partition(":")[0] in ("localhost", "127.0.0.1") else "https"
    address = f"{scheme}://{registry}/v2/{name}/manifests/{digest}"
    try:
        answer = _session().head(address, headers={"Accept": _MANIFEST_TYPES}, timeout=_REQUEST_SECONDS)
    except (requests_exceptions.RequestException, auth_exceptions.TransportError) as error:
        raise TryAgainError(
            f"The registry {registry} must tell of vertex.images.{field}, and did not ({error}); run again later."
        ) from error
    except auth_exceptions.RefreshError:
        return
    if answer.status_code == 404:
        raise UsageError(
            f"vertex.images.{field} must be in its registry, and {image} is not; build and push it (docs/images.md),"
            " and name the digest that was pushed."
        )
    if answer.status_code == 403:
        raise DataError(
            f"Whoever runs this must be allowed to read vertex.images.{field}, {image}, and is not; give the account"
            " the role Artifact Registry Reader, or sign in as another."
        )
    if answer.status_code == 429 or answer.status_code >= 500:
        raise TryAgainError(
            f"The registry {registry} must tell of vertex.images.{field}, and answered {answer.status_code}; run again"
            " later."
        )


def _images(vertex: VertexSettings) -> Iterator[tuple[str, str]]:
    seen = set()
    for field in ImageSettings.__dataclass_fields__:
        image = getattr(vertex.images, field)
        if image not in seen:
            seen.add(image)
            yield field, image


def _session() -> Any:
    import google.auth

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    return AuthorizedSession(credentials)


def _has(bucket: Any, region: str) -> bool:
    location = str(bucket.location or "").lower()
    if region in {str(one).lower() for one in bucket.data_locations or ()}:
        return True
    return location == region or region.startswith(_PREFIXES_BY_MULTI_REGION.get(location, ("\0",)))
