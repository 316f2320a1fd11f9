"""An authority and a server's certificate signed by it, for the tests' TLS."""

from __future__ import annotations

import subprocess
from pathlib import Path

from attrs import frozen


@frozen
class Certificates:
    """Files in PEM: the authority's certificate, the server's and its key."""

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path, address: str = "127.0.0.1") -> Certificates:
        """Make them anew with openssl, for `address` and `localhost`."""
        made = cls(folder / "ca.crt", folder / "server.crt", folder / "server.key")
        authority_key = folder / "ca.key"
        _new("/CN=Tests of Refrain", authority_key, made.authority)
        signed = ("-CA", made.authority, "-CAkey", authority_key)
        names = ("-addext", f"subjectAltName=DNS:localhost,IP:{address}")
        no_authority = ("-addext", "basicConstraints=critical,CA:FALSE")
        _new("/CN=localhost", made.key, made.certificate, *signed, *names, *no_authority)
        return made


def _new(subject: str, key: Path, certificate: Path, *more: str | Path) -> None:
    """A new key and its certificate, unless `more` names who signs."""
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    written = ("-keyout", key, "-out", certificate)
    subprocess.run(
        ["openssl", "req", "-x509", *new_key, "-days", "2", "-subj", subject, *written, *more],
        capture_output=True,
        check=True,
    )
