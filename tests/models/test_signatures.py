"""A signed model is taken by who trusts the key, and no other is."""

import base64
import json
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from qtopt_agent.cli.main import app
from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.models.folder import describe, load, record_evaluation, sign, verify
from qtopt_agent.models.signatures import (
    check_signature,
    make_key,
    public_file,
    read_key,
    read_trusted,
    write_signature,
)


@pytest.fixture
def key(tmp_path):
    make_key(tmp_path / "lab")
    return tmp_path / "lab"


@pytest.fixture
def trusted(key):
    return read_trusted(public_file(key))


def test_a_signed_model_is_taken_by_who_trusts_the_key(model, key, trusted):
    sign(model, key)
    assert load(model, trusted=trusted).name == "untrained"


def test_a_model_that_is_not_signed_or_by_another_key_is_refused(model, key, trusted, tmp_path):
    with pytest.raises(IncompatibleModel, match="is not signed"):
        verify(model, trusted)
    make_key(tmp_path / "stranger")
    sign(model, tmp_path / "stranger")
    with pytest.raises(IncompatibleModel, match=r"is signed by SHA256:.* not among the trusted keys"):
        verify(model, trusted)
    sign(model, key)
    verify(model, trusted)


def test_what_changes_after_signing_is_refused(model, key, trusted):
    sign(model, key)
    text = (model / "manifest.json").read_text()
    (model / "manifest.json").write_text(text.replace('"samples": 8', '"samples": 9'))
    verify(model)
    with pytest.raises(IncompatibleModel, match="not that of lab over this manifest"):
        verify(model, trusted)


def test_a_signature_does_not_travel_to_another_model(model, key, trusted):
    sign(model, key)
    other = shutil.copytree(model, model.parent / "other")
    with pytest.raises(IncompatibleModel, match="version is untrained, the folder's is other"):
        verify(other, trusted)


def test_what_is_signed_is_not_changed_by_an_evaluation(model, key):
    sign(model, key)
    with pytest.raises(InvalidInput, match="record first, then sign"):
        record_evaluation(model, {})
    assert describe(model)["evaluations"] == []


def test_a_broken_model_is_not_signed(model, key):
    (model / "policy.pt").write_bytes(b"")
    with pytest.raises(IncompatibleModel, match="sha256"):
        sign(model, key)
    assert not (model / "signature.json").exists()


def test_a_private_key_is_for_its_owner_alone_and_never_overwritten(key):
    assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(InvalidInput, match="exists already"):
        make_key(key)
    key.chmod(0o644)
    with pytest.raises(InvalidInput, match="has mode 644, expected 600"):
        read_key(key)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="NOT TESTED: keys of OpenSSH need ssh-keygen")
def test_keys_of_openssh_serve_as_well(model, tmp_path):
    key = tmp_path / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    sign(model, key)
    verify(model, read_trusted(public_file(key)))
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", str(key)], check=True)
    with pytest.raises(InvalidInput, match="without a passphrase"):
        read_key(key)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "has no public key"),
        ("# nobody\n", "has no public key"),
        ("lab\n", "line 1: 'lab' is no public key"),
        ("# one\nssh-ed25519 AAAA lab\n", "line 2: 'ssh-ed25519 AAAA lab' is no public key"),
    ],
)
def test_a_list_of_keys_that_is_none_trusts_nobody(tmp_path, text, complaint):
    (tmp_path / "keys").write_text(text)
    with pytest.raises(InvalidInput, match=complaint):
        read_trusted(tmp_path / "keys")


def test_a_damaged_signature_is_the_right_one_or_refused(tmp_path, mutations):
    key, manifest = Ed25519PrivateKey.from_private_bytes(bytes(32)), b"{}"
    public = write_signature(tmp_path, manifest, key)
    file = tmp_path / "signature.json"
    whole = file.read_bytes()
    for damaged in mutations(whole):
        file.write_bytes(damaged)
        try:
            assert check_signature(tmp_path, manifest, {public: "lab"}) == "lab"
        except IncompatibleModel as error:
            assert str(error).isprintable()
            continue
        kept, given = (base64.b64decode(json.loads(each)["signature"]) for each in (damaged, whole))
        assert kept == given  # the key may have another comment, base64 another last digit


def test_the_commands_make_keys_sign_and_insist(model, tmp_path):
    key = tmp_path / "lab"
    for command, code, said in (
        (["keygen", str(key)], 0, "SHA256:"),
        (["verify", str(model), "--trusted", f"{key}.pub"], 1, "is not signed"),
        (["sign", str(model), "--key", str(key)], 0, "is signed by SHA256:"),
        (["verify", str(model), "--trusted", f"{key}.pub"], 0, "a trusted key has signed it"),
    ):
        done = CliRunner().invoke(app, ["models", *command])
        assert done.exit_code == code and said in done.output.replace("\n", " "), done.output
