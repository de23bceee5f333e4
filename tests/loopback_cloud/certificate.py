"""A certificate for Google's hosts that only processes of the tests trust, and a service account that signs with a key.

Both are made anew for each test session.
"""

import datetime as dt
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

HOSTS = ("*.googleapis.com", "*.pkg.dev")
TOKEN_ADDRESS = "https://oauth2.googleapis.com/token"


def write_certificate(directory):
    """Writes `certificate.pem` and `key.pem`; the certificate is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = dt.datetime.now(dt.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (directory / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "key.pem").write_bytes(_private(key))


def write_service_account(path, project):
    """Writes the key file of a service account, as GOOGLE_APPLICATION_CREDENTIALS names one."""
    account = {
        "type": "service_account",
        "project_id": project,
        "private_key_id": "1",
        "private_key": _private(rsa.generate_private_key(65537, 2048)).decode(),
        "client_email": f"w2v2-runner@{project}.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": TOKEN_ADDRESS,
    }
    path.write_text(json.dumps(account))


def _private(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
