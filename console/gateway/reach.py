"""Whether an address of a cloud can be reached from here at all, without any sign-in, and which step of the way fails."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from cache.failure import Failure, causes
from cache.text import clean
from console.clouds import Cloud, is_loopback
from console.gateway.transport import USER_AGENT, open_session
from console.identity import in_thread

ISSUER_SECONDS = 5.0
"""How long it is asked who issued a certificate that is not trusted."""


@dataclass(frozen=True, slots=True)
class Reached:
    """An address answered: with what status, and what its clock said then (``None``: it did not tell). ``proxy``: through which one."""

    status: int
    date: datetime | None
    proxy: str


class Unreachable(Failure):
    """An address cannot be reached. ``step`` is where it ends: ``name``, ``connection``, ``proxy``, ``certificate``, ``answer``."""

    def __init__(self, step: str, evidence: str, remedy: str) -> None:
        super().__init__(f"{evidence} {remedy}")
        self.step = step
        self.evidence = evidence
        self.remedy = remedy


def proxy_for(address: str) -> str:
    """Host and port of the proxy that is asked for an address; empty if none is. The credentials of its own address are left out."""
    parts = urlsplit(address)
    proxies = getproxies()
    if is_loopback(address) or parts.scheme not in proxies or proxy_bypass(parts.netloc):
        return ""
    proxy = urlsplit(proxies[parts.scheme])
    with suppress(ValueError):
        return clean(f"{proxy.hostname}:{proxy.port}" if proxy.port else proxy.hostname or "", 200)
    return clean(proxy.hostname or "", 200)


async def reach(cloud: Cloud, address: str, path: str, seconds: float) -> Reached:
    """Ask for ``path`` at an address of ``cloud`` without a token. Any answer will do. Raises :class:`Unreachable`."""
    proxy = proxy_for(address)
    try:
        if not proxy:
            await _resolved(address, seconds)
        async with (
            asyncio.timeout(seconds),
            open_session(cloud, address) as session,
            session.get(f"{address}{path}", headers={"User-Agent": USER_AGENT}, allow_redirects=False) as answer,
        ):
            return Reached(answer.status, _date(answer.headers.get("Date", "")), proxy)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        failure = await _explained(error, cloud, address, proxy, seconds)
    raise failure


async def _resolved(address: str, seconds: float) -> None:
    """See that a name has an address. A thread waits for the servers of names, which keeps no process from ending."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        async with asyncio.timeout(seconds):
            await in_thread(lambda: socket.getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM))
        return
    except TimeoutError:
        evidence = f"No server of names told within {seconds:.0f} s what address {host} has."
    except (socket.gaierror, UnicodeError):
        evidence = f"The name {host} has no address here."
    raise Unreachable(
        "name",
        evidence,
        f"Check it in the cloud file, and this machine's DNS: getent hosts {host}. Where only a proxy knows names, set HTTPS_PROXY.",
    )


def _date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


async def _explained(error: Exception, cloud: Cloud, address: str, proxy: str, seconds: float) -> Unreachable:
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or 443
    where = f"{host}:{port}"
    chain = causes(error)
    if any(isinstance(one, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError) for one in chain):
        refused = next((f" It answered HTTP {one.status}." for one in chain if isinstance(one, aiohttp.ClientHttpProxyError)), "")
        return Unreachable(
            "proxy",
            f"The proxy {proxy or 'in HTTPS_PROXY'} does not lead to {host}.{refused}",
            "Check the address in HTTPS_PROXY, whether the proxy wants a sign-in, and NO_PROXY for what needs none.",
        )
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in chain):
        reason = next((told for one in chain if (told := getattr(one, "verify_message", ""))), "it could not be verified")
        return await _distrusted(clean(reason, 200), cloud, host, port, proxy)
    if isinstance(error, TimeoutError):
        return Unreachable(
            "connection",
            f"{where} did not answer within {seconds:.0f} s.",
            f"A firewall may drop what is sent to it: allow outbound HTTPS to {host}, or set HTTPS_PROXY.",
        )
    if any(isinstance(one, ssl.SSLError) for one in chain):
        return Unreachable(
            "certificate",
            f"{where} does not agree on TLS with this machine.",
            "Check that it is the right address and port, and whether something on the way answers in its place.",
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return Unreachable(
            "connection",
            f"{where} cannot be connected to ({clean(error.strerror or type(error.os_error).__name__, 100)}).",
            f"Check the address in the cloud file, and that outbound HTTPS to {host} is allowed, or set HTTPS_PROXY.",
        )
    return Unreachable(
        "answer",
        f"{where} took the connection and gave no answer ({type(error).__name__}).",
        "Something on the way may cut it. Try again; if it stays so, ask whoever runs the network or the proxy.",
    )


async def _distrusted(reason: str, cloud: Cloud, host: str, port: int, proxy: str) -> Unreachable:
    issuer = "" if proxy else await _issuer(host, port)
    evidence = f"The certificate of {host} is not trusted: {reason}.{f' It was issued by “{issuer}”.' if issuer else ''}"
    if "expired" in reason or "not yet valid" in reason:
        remedy = f"Check this machine's clock. If it is right, whoever runs {host} must renew the certificate."
    elif "mismatch" in reason.lower() or "doesn't match" in reason.lower():
        remedy = "Check the address in the cloud file: the certificate is for another name, or something answers in its place."
    elif cloud.ca_file is not None:
        remedy = f"{cloud.ca_file} is not the CA that signed it. Put the PEM file of that CA in its place (ca_file in the cloud file)."
    else:
        remedy = "If your network inspects TLS, ask for the PEM file of its CA and name it as ca_file in a cloud file."
    return Unreachable("certificate", evidence, remedy)


async def _issuer(host: str, port: int) -> str:
    """Who issued the certificate that a host shows, to tell an inspecting network by its name; empty when that is not told."""
    from cryptography import x509

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only to read the certificate: nothing is sent
    try:
        async with asyncio.timeout(ISSUER_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.close()
            return clean(x509.load_der_x509_certificate(shown).issuer.rfc4514_string(), 200)
    except (OSError, ValueError, TypeError):
        return ""
