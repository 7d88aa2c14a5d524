"""Signatures of models: ed25519 over the bytes of the manifest, which holds the hashes of all other files.

Keys are in OpenSSH's formats: `ssh-keygen -t ed25519` makes them as well, and a list of trusted keys looks like
`authorized_keys`.
"""

import base64
import hashlib
import json
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.documents import parse_json, read_text
from qtopt_agent.models.fields import Fields
from qtopt_agent.models.files import read_bytes

SIGNATURE = "signature.json"

TrustedKeys = dict[str, str]
"""Public keys, as "ssh-ed25519 AAAA...", with their names."""


def make_key(file: Path) -> str:
    """Write a new private key to `file`, for its owner alone, and its public key beside it; return the public key.

    Raises InvalidInput if one of the two files exists.
    """
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = _text(key.public_key())
    for path, content, mode in ((file, private, 0o600), (public_file(file), f"{public} {file.name}\n".encode(), 0o644)):
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
                stream.write(content)
        except FileExistsError as error:
            raise InvalidInput(f"{path} exists already; a key is never overwritten") from error
    return public


def public_file(file: Path) -> Path:
    """Where the public key of the private key in `file` is."""
    return file.with_name(f"{file.name}.pub")


def read_key(file: Path) -> Ed25519PrivateKey:
    """The private key in `file`. Raises InvalidInput unless it is an ed25519 key that nobody else can read."""
    text = read_text(file)
    if (mode := file.stat().st_mode & 0o777) & 0o077:
        raise InvalidInput(f"private key {file} has mode {mode:o}, expected 600: others can read it")
    try:
        key = serialization.load_ssh_private_key(text.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidInput(f"{file} is no private key of OpenSSH without a passphrase: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidInput(f"{file} is no ed25519 key")
    return key


def read_trusted(file: Path) -> TrustedKeys:
    """The public keys in `file`, one a line with a name behind it. Raises InvalidInput, naming the line."""
    keys: TrustedKeys = {}
    for number, line in enumerate(read_text(file).splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            try:
                public = _text(_public(line))
            except InvalidInput as error:
                raise InvalidInput(f"{file}, line {number}: {error}") from error
            keys[public] = " ".join(line.split()[2:]) or fingerprint(public)
    if not keys:
        raise InvalidInput(f"{file} has no public key, expected one a line")
    return keys


def fingerprint(public: str) -> str:
    """As `ssh-keygen -l` shows a public key."""
    digest = hashlib.sha256(base64.b64decode(public.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def write_signature(folder: Path, manifest: bytes, key: Ed25519PrivateKey) -> str:
    """Sign `manifest`, the bytes of the manifest in `folder`; returns the public key."""
    public = _text(key.public_key())
    signature = {"key": public, "signature": base64.b64encode(key.sign(manifest)).decode()}
    temporary = folder / f".{SIGNATURE}-{os.getpid()}"
    with temporary.open("x", encoding="utf-8") as file:
        json.dump(signature, file, indent=2)
        file.write("\n")
    os.replace(temporary, folder / SIGNATURE)
    return public


def check_signature(folder: Path, manifest: bytes, trusted: TrustedKeys) -> str:
    """The name of the trusted key that has signed `manifest`, the bytes of the manifest in `folder`.

    Raises IncompatibleModel where the model is not signed, or by another key, or has changed since.
    """
    file = folder / SIGNATURE
    if not os.path.exists(file):
        raise IncompatibleModel(f"{folder} is not signed: there is no {SIGNATURE}, and only trusted models are wanted")
    try:
        fields = Fields(parse_json(read_bytes(file, 10_000).decode("utf-8"), str(file)))
        key = _public(fields.text("key"))
        signature = base64.b64decode(fields.text("signature"), validate=True)
        fields.no_others()
    except (InvalidInput, ValueError) as error:
        raise IncompatibleModel(f"{file} is no signature: {error}") from error
    public = _text(key)
    if public not in trusted:
        raise IncompatibleModel(f"{folder} is signed by {fingerprint(public)}, which is not among the trusted keys")
    try:
        key.verify(signature, manifest)
    except InvalidSignature as error:
        raise IncompatibleModel(
            f"{folder}: the signature is not that of {trusted[public]} over this manifest: one of them has changed"
        ) from error
    return trusted[public]


def _public(line: str) -> Ed25519PublicKey:
    try:
        key = serialization.load_ssh_public_key(line.strip().encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidInput(f"{line!r:.100} is no public key of OpenSSH: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidInput(f"{line!r:.100} is no ed25519 key")
    return key


def _text(key: Ed25519PublicKey) -> str:
    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
