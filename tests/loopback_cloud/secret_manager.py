"""Secret Manager, which its client library asks by gRPC."""

from concurrent import futures

import grpc
from google.cloud import secretmanager

_SERVICE = "google.cloud.secretmanager.v1.SecretManagerService"


class SecretManager:
    """The service, with TLS.

    Args:
      directory: With `certificate.pem` and `key.pem`.

    Attributes:
      texts: By the names of their versions, `projects/…/secrets/…/versions/…`.
    """

    def __init__(self, directory):
        self.texts = {}
        access = grpc.unary_unary_rpc_method_handler(
            self._access,
            request_deserializer=secretmanager.AccessSecretVersionRequest.deserialize,
            response_serializer=secretmanager.AccessSecretVersionResponse.serialize,
        )
        self._server = grpc.server(futures.ThreadPoolExecutor(2))
        handler = grpc.method_handlers_generic_handler(_SERVICE, {"AccessSecretVersion": access})
        self._server.add_generic_rpc_handlers((handler,))
        key, certificate = ((directory / name).read_bytes() for name in ("key.pem", "certificate.pem"))
        self.port = self._server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
        self._server.start()

    def close(self):
        self._server.stop(None).wait()

    def _access(self, request, context):
        if request.name not in self.texts:
            context.abort(grpc.StatusCode.NOT_FOUND, f"{request.name} not found.")
        payload = secretmanager.SecretPayload(data=self.texts[request.name].encode())
        return secretmanager.AccessSecretVersionResponse(name=request.name, payload=payload)
