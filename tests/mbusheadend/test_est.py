"""The endpoints of EST, asked by an HTTP client of others."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mbusheadend.errors import RefusedError
from mbusheadend.est import read_request
from mbushosting.enrolment import read_token
from support.headend import Site, running

PKCS10 = {"Content-Type": "application/pkcs10"}
ENROLL = "/.well-known/est/simpleenroll"
REENROLL = "/.well-known/est/simplereenroll"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running(tmp_path) as site:
        yield site


def csr(name: str = "M1", key: Any = None, digest: Any = None, *more: x509.NameAttribute[str]) -> bytes:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([*more, x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    request = request.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else digest or hashes.SHA256()
    return base64.b64encode(request.sign(key, algorithm).public_bytes(serialization.Encoding.DER))


async def login(site: Site, serial: str = "M1") -> tuple[str, str]:
    return serial, read_token(await site.token()).password


def certificate(answer: httpx.Response) -> x509.Certificate:
    (found,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.content, validate=True))
    return found


async def test_the_authority_is_for_anybody(site: Site) -> None:
    async with site.client() as client:
        answer = await client.get("/.well-known/est/cacerts")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pkcs7-mime")
    assert answer.headers["content-transfer-encoding"] == "base64"
    assert certificate(answer) == site.authority.certificate


async def test_what_is_issued_is_decided_here(site: Site) -> None:
    """The request asks for more than a master gets."""
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Somebody")
    async with site.client() as client:
        body = csr("M1", None, None, organization)
        answer = await client.post(ENROLL, content=body, headers=PKCS10, auth=await login(site))
    assert answer.headers["content-type"] == "application/pkcs7-mime; smime-type=certs-only"
    issued = certificate(answer)
    issued.verify_directly_issued_by(site.authority.certificate)
    assert issued.subject.rfc4514_string() == "CN=M1"
    assert not issued.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    purposes = issued.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)],
    ids=["P-384", "RSA"],
)
async def test_other_good_keys_do(key: Any, site: Site) -> None:
    async with site.client() as client:
        answer = await client.post(ENROLL, content=csr(key=key), headers=PKCS10, auth=await login(site))
    assert certificate(answer).public_key() == key.public_key()


async def test_a_request_that_is_wrapped_as_mail_is_read(site: Site) -> None:
    wrapped = base64.encodebytes(base64.b64decode(csr())).replace(b"\n", b"\r\n")
    async with site.client() as client:
        answer = await client.post(ENROLL, content=wrapped, headers=PKCS10, auth=await login(site))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (csr(key=rsa.generate_private_key(65537, 1024)), 400),
        (csr(key=ec.generate_private_key(ec.SECP224R1())), 400),
        (csr(key=ed25519.Ed25519PrivateKey.generate()), 400),
        (csr(key=rsa.generate_private_key(65537, 2048), digest=hashes.SHA224()), 400),
        (csr("M2"), 403),
        (csr("M1", None, None, x509.NameAttribute(NameOID.COMMON_NAME, "M2")), 403),
        (csr()[:-8], 400),
        (b"", 400),
        (b"nonsense", 400),
        ("ä".encode(), 400),
        (b"A" * 20000, 413),
    ],
    ids=[
        "short",
        "P-224",
        "Ed25519",
        "SHA-224",
        "another",
        "two",
        "cut off",
        "empty",
        "text",
        "umlaut",
        "long",
    ],
)
async def test_a_request_that_is_no_good_is_refused_and_uses_up_no_token(
    body: bytes, status: int, site: Site
) -> None:
    auth = await login(site)
    async with site.client() as client:
        answer = await client.post(ENROLL, content=body, headers=PKCS10, auth=auth)
        assert answer.status_code == status
        assert answer.json()["reason"]
        assert (await client.post(ENROLL, content=csr(), headers=PKCS10, auth=auth)).status_code == 200


def test_a_request_that_is_signed_with_another_key_is_refused() -> None:
    one, other = (base64.b64decode(csr()) for _ in range(2))
    # The same lengths: the signature of the one behind the key of the other.
    cut = one.rindex(b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")
    there = other.rindex(b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02")
    mixed = one[:cut] + other[there:]
    mixed = mixed if len(mixed) == len(one) else one[:-1] + bytes([one[-1] ^ 1])
    with pytest.raises(RefusedError, match="not signed with its own key"):
        read_request(base64.b64encode(mixed), "M1")


async def test_another_content_type_is_refused(site: Site) -> None:
    async with site.client() as client:
        answer = await client.post(ENROLL, content=csr(), auth=await login(site))
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic !",
        "Basic TTE6",
        "Basic TTE6eHg=",
        "Bearer x",
        "Basic " + base64.b64encode(b"a b:" + b"0" * 40).decode(),
    ],
)
async def test_without_a_token_there_is_no_certificate(authorization: str, site: Site) -> None:
    headers = {**PKCS10, "Authorization": authorization} if authorization else PKCS10
    async with site.client() as client:
        answer = await client.post(ENROLL, content=csr(), headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert answer.json()["code"] == "token"


async def test_renewal_needs_a_certificate_and_is_for_its_own_name(site: Site) -> None:
    await site.enrol("M1")
    async with site.client() as client:
        assert (await client.post(REENROLL, content=csr(), headers=PKCS10)).status_code == 403
        with_token = await client.post(REENROLL, content=csr(), headers=PKCS10, auth=await login(site))
        assert with_token.status_code == 403
    async with site.client("M1") as client:
        assert (await client.post(REENROLL, content=csr("M2"), headers=PKCS10)).status_code == 403
        answer = await client.post(REENROLL, content=csr("M1"), headers=PKCS10)
        assert certificate(answer).subject.rfc4514_string() == "CN=M1"
        await site.store.revoke_master("M1", site.clock())
        assert (await client.post(REENROLL, content=csr("M1"), headers=PKCS10)).status_code == 403


async def test_who_is_revoked_while_its_request_still_comes_gets_no_new_certificate(site: Site) -> None:
    """Else a master that keeps half a request open would outlive each revocation."""
    await site.enrol("M1")

    async def halves() -> AsyncIterator[bytes]:
        request = csr()
        yield request[:40]
        await site.store.revoke_master("M1", site.clock())
        yield request[40:]

    async with site.client("M1") as client:
        answer = await client.post(REENROLL, content=halves(), headers=PKCS10)
    assert (answer.status_code, answer.json()["code"]) == (403, "revoked")
    assert all(one.revoked is not None for one in await site.store.certificates("M1"))


async def test_other_paths_and_methods_are_not_there(site: Site) -> None:
    async with site.client() as client:
        assert (await client.get(ENROLL)).status_code == 405
        assert (await client.get("/")).status_code == 404
