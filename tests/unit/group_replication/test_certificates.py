"""Certificates: what pillar declares, which names one has, and why another is needed."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from group_replication import certificates, tls
from group_replication.certificates import DAY, Certificate, Declared, declared, names_of, why_new
from group_replication.options import own_options
from group_replication.settings import settings_from
from salt.exceptions import CommandExecutionError, SaltInvocationError

from tests.unit.group import pillar

NOW = 1_800_000_000.0


def with_tls(**said) -> dict:
    told = pillar()
    told["cluster"] = {**told["cluster"], "tls": said}
    return told


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({}, Declared()),
        ({"source": "none"}, Declared()),
        ({"source": "ca"}, Declared("ca", True)),
        ({"source": "files"}, Declared("files", True)),
        ({"source": "ca", "verify": False}, Declared("ca", False)),
        (
            {"source": "ca", "days_valid": 30, "names": ["db.example.org"]},
            Declared("ca", True, 30, ("db.example.org",)),
        ),
    ],
)
def test_what_pillar_declares(said, found):
    assert declared(with_tls(**said)) == found


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"source": "vault"}, "cluster:tls:source is 'vault'; expected none or ca or files"),
        ({"sourse": "ca"}, "cluster:tls:source"),
        ({"verify": True}, "cluster:tls:verify is 'True'; expected false"),
        ({"source": "ca", "verify": "yes"}, "expected true or false"),
        ({"source": "ca", "days_valid": 2}, "expected days from 3 to 3650"),
        ({"source": "ca", "names": "db"}, "expected a list"),
        ({"source": "ca", "names": ["a,DNS:b"]}, "expected a name"),
    ],
)
def test_what_is_wrong_is_refused_with_its_key(said, words):
    with pytest.raises(SaltInvocationError, match="cluster:tls") as caught:
        declared(with_tls(**said))
    assert words in str(caught.value)
    with pytest.raises(SaltInvocationError):
        settings_from(with_tls(**said), "db1")


def test_a_database_has_the_balancers_addresses_and_others_have_their_own():
    told = with_tls(source="ca", names=["db.example.org"])
    nodes = told["cluster"]["nodes"]
    proxies = {node["ip"] for node in nodes.values() if node["role"] == "proxy"}
    assert proxies
    assert names_of(told, "db1") == {"db1", nodes["db1"]["ip"], "db.example.org", *proxies}
    other = next(name for name, node in nodes.items() if node["role"] != "db")
    assert names_of(told, other) == {other, nodes[other]["ip"]}


@pytest.mark.parametrize(
    ("said", "shown", "verified"),
    [
        ({}, False, False),
        ({"source": "ca", "verify": False}, True, False),
        ({"source": "ca"}, True, True),
    ],
)
def test_options_follow(said, shown, verified):
    options = own_options(settings_from(with_tls(**said), "db1"))
    for prefix in ("ssl", "admin_ssl", "loose_group_replication_recovery_ssl", "loose_clone_ssl"):
        assert (options.get(f"{prefix}_cert") == tls.CERTIFICATE_FILE) is shown
    mode = options["loose_group_replication_ssl_mode"]
    assert mode == ("VERIFY_IDENTITY" if verified else "REQUIRED")
    name = "loose_group_replication_recovery_ssl_verify_server_cert"
    assert (options.get(name) == "ON") is verified


# Of all others that are made here: 255.
SERIALS = {"old": 0x0D, "new": 0xE3, "third": 0x3D}
GOOD = Certificate("1", NOW - DAY, NOW + 29 * DAY, frozenset({"db1"}), True, True)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (GOOD, ""),
        (None, "there is none"),
        (GOOD._replace(trusted=False), "another CA"),
        (GOOD._replace(fits=False), "does not belong to the key"),
        (GOOD._replace(names=frozenset({"db2"})), "it names db2 instead of db1"),
        (GOOD._replace(begins=NOW + 1), "not good yet"),
        (GOOD._replace(begins=NOW - 20 * DAY, ends=NOW + 10 * DAY + 1), ""),
        (GOOD._replace(begins=NOW - 20 * DAY, ends=NOW + 10 * DAY - 1), "less than a third"),
        (GOOD._replace(begins=NOW - 30 * DAY, ends=NOW - 1), "less than a third"),
    ],
)
def test_why_another_is_needed(found, why):
    assert why_new(found, frozenset({"db1"}), NOW)[: len(why)] == why[:60] or why in why_new(
        found, frozenset({"db1"}), NOW
    )
    assert bool(why_new(found, frozenset({"db1"}), NOW)) is bool(why)


@pytest.mark.parametrize(
    ("days", "said"),
    [(31, ""), (29, "ends in 29 days"), (0.2, "ends in 0 days"), (-1, "has ended")],
)
def test_what_ends_soon_is_said_from_thirty_days_on(days, said):
    told = certificates.ending("db1", {"mysql_main": NOW + days * DAY}, NOW)
    assert bool(told) is bool(said)
    assert all("db1 shows on mysql_main" in one and said in one for one in told)


def make_certificate(
    folder: Path, name: str, signer: str | None = None, san: str = "10.0.0.1", days: int = 9
) -> None:
    """Make a key and its certificate, of an authority or signed by one that was made before."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, by = own, key
    if signer:
        issuer = x509.load_pem_x509_certificate((folder / f"{signer}.pem").read_bytes()).subject
        by = certificates_key(folder / f"{signer}.key")
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(SERIALS.get(name, 255))
        .not_valid_before(min(now, now + datetime.timedelta(days=days - 1)))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(signer is None, None), critical=True)
    )
    if signer:
        names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address(san))]
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    signed = made.sign(by, hashes.SHA256())
    (folder / f"{name}.pem").write_bytes(signed.public_bytes(Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )


def certificates_key(path: Path):
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(path.read_bytes(), None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("tls")
    for name in ("ca", "other"):
        make_certificate(made, name)
    for name, signer in (("db1", "ca"), ("db2", "ca"), ("evil", "other")):
        make_certificate(made, name, signer)
    return made


def test_authorities_that_end_soon_are_said_too(folder):
    told = certificates.authorities_ending("db1", str(folder / "ca.pem"))
    assert len(told) == 1
    assert "authority FF, which db1 trusts, ends in 9 days" in told[0]
    assert "orch.authority" in told[0]
    ended = certificates.authorities_ending("db1", str(folder / "ca.pem"), NOW)
    assert "has ended" in ended[0]
    early = NOW - 3650 * DAY
    assert certificates.authorities_ending("db1", str(folder / "ca.pem"), early) == []
    (wrong,) = certificates.authorities_ending("db1", str(folder / "none.pem"))
    assert "the authorities that db1 trusts cannot be read" in wrong


@pytest.mark.parametrize(
    ("name", "key", "ca", "trusted", "fits"),
    [
        ("db1", "db1", "ca", True, True),
        ("db1", "db2", "ca", True, False),
        ("evil", "evil", "ca", False, True),
        ("db1", "db1", "other", False, True),
    ],
)
def test_files_are_read_as_what_they_are(name, key, ca, trusted, fits, folder):
    files = (folder / f"{name}.pem", folder / f"{key}.key", folder / f"{ca}.pem")
    found = certificates.read(*map(str, files))
    assert (found.trusted, found.fits, found.serial) == (trusted, fits, "FF")
    assert found.names == {name, "10.0.0.1"}
    assert certificates.ends_in_file(str(files[0])) == found.ends
    assert certificates.der_of(str(files[0]))


def test_files_that_are_none_are_told_apart(folder):
    missing, ca = str(folder / "none.pem"), str(folder / "ca.pem")
    assert certificates.read(missing, missing, missing) is None
    assert certificates.ends_in_file(missing) == 0.0
    assert certificates.ends_in_file(str(folder / "ca.key")) == 0.0
    with pytest.raises(CommandExecutionError, match="no certificate, its key and its CA"):
        certificates.read(ca, missing, ca)
    for path in (missing, str(folder / "ca.key")):
        with pytest.raises(CommandExecutionError, match=r"none.pem|ca.key"):
            certificates.der_of(path)
