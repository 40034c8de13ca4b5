"""Signing in: which credential serves on this machine, what a failure means, and who one is then. No token is ever written anywhere."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cache.failure import Exit, Failure, causes
from cache.text import clean
from console.clouds import Cloud, is_loopback

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken

TOKEN_VARIABLE = "MDE_CONSOLE_TOKEN"
SECRETS = frozenset(
    {TOKEN_VARIABLE, "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_PASSWORD", "IDENTITY_HEADER", "MSI_SECRET"}
)
"""The variables of the environment that hold a secret, which no process needs that does not sign in."""

_FAR = 32503680000
"""The year 3000, in seconds: a token that claims to last longer does not tell when it expires."""

IMDS = ("169.254.169.254", 80)
PROBE_SECONDS = 0.5
IDENTITY_SECONDS = 10.0
"""How long ``auto`` waits for a managed identity: other clouds answer at that address too, and the SDK asks them again and again."""


class SignInError(Failure):
    """Nobody is signed in; the text says why and what to do.

    ``code`` is Azure's (AADSTS…) or a word of ours; ``attempts`` is what was tried before.
    """

    exit_code = Exit.SIGN_IN

    def __init__(self, sentence: str, code: str = "") -> None:
        super().__init__(sentence)
        self.code = code
        self.attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class DevicePrompt:
    """What the user must do: open ``verification_uri`` and enter ``user_code`` before ``expires_at``."""

    verification_uri: str
    user_code: str
    expires_at: datetime
    message: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A way to sign in that was tried, and what came of it."""

    method: str
    outcome: str


@dataclass(slots=True)
class SignedIn:
    """A credential that has given a token, and whose it is. ``tenant_id`` is empty when the token does not tell."""

    credential: Any
    method: str
    attempts: tuple[Attempt, ...]
    tenant_id: str
    principal: str
    object_id: str
    _closers: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    async def close(self) -> None:
        """Close the credential's connections."""
        for close in self._closers:
            await close()


ADVICE: dict[str, str] = {
    "53003": "Conditional access blocks this way to sign in. Sign in with “az login” on a managed device and use --auth cli.",
    "50199": "Conditional access wants a confirmation that this way cannot give. Use “az login” and --auth cli.",
    "50005": "Conditional access allows only certain kinds of device here. Use “az login” on such a device, or a managed identity.",
    "530003": "Conditional access wants a managed device. Use “az login” on one, or a managed identity on this machine.",
    "50076": "Azure wants a second factor. Sign in again, with --auth device-code or “az login”.",
    "50079": "Azure wants you to enrol for a second factor first. Open https://aka.ms/mfasetup, then sign in again.",
    "50034": "That user does not exist in this tenant. Name the right tenant with --tenant.",
    "50020": "That user belongs to another tenant. Name the right tenant with --tenant.",
    "90002": "That tenant does not exist in this cloud. Check --tenant and --cloud.",
    "900023": "The tenant's id is neither a GUID nor a domain. Check --tenant.",
    "700016": "The application does not exist in this tenant. Check AZURE_CLIENT_ID and --tenant.",
    "7000215": "The client secret is wrong. Check AZURE_CLIENT_SECRET.",
    "7000222": "The client secret has expired. Make a new one for the application.",
    "70043": "The sign-in has expired by policy. Sign in again.",
    "700082": "The sign-in has expired from disuse. Sign in again (“az login”).",
    "50173": "The password was changed since. Sign in again.",
    "500011": "The sign-in is for another cloud. Sign in to the right one (“az cloud set”, “az login”), or check --cloud.",
    "65001": "The application lacks consent in this tenant. An administrator must grant it.",
    "70016": "The code was not entered in time. Try again.",
    "70018": "The sign-in was declined. Try again if that was a mistake.",
    "70020": "The code has expired. Try again.",
}

_AADSTS = re.compile(r"AADSTS(\d+)")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


async def sign_in(
    cloud: Cloud,
    method: str = "auto",
    tenant: str | None = None,
    on_prompt: Callable[[DevicePrompt], None] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> SignedIn:
    """Sign in and get a first token. ``auto`` tries environment, managed identity and az CLI, then a device code if ``on_prompt`` is given.

    ``on_prompt`` may be called from another thread. Raises :class:`SignInError`.
    """
    _silence()
    ways = {
        "token": lambda: _token(environ),
        "environment": lambda: _environment(cloud, tenant, environ),
        "managed-identity": lambda: _managed_identity(environ),
        "cli": lambda: _cli(tenant, environ),
        "device-code": lambda: _device_code(cloud, tenant, on_prompt),
    }
    if tenant and _TENANT.fullmatch(tenant) is None:
        raise SignInError(f"The tenant “{clean(tenant, 80)}” is neither a GUID nor a domain. Check --tenant.", "tenant")
    if method != "auto" and method not in ways:
        raise SignInError(f"There is no way to sign in called “{clean(method, 40)}”. There are auto, {', '.join(ways)}.", "method")
    if method != "auto":
        return await _try(cloud, method, ways[method], ())
    attempts: list[Attempt] = []
    for name in ("environment", "managed-identity", "cli"):
        try:
            seconds = IDENTITY_SECONDS if name == "managed-identity" else None
            return await _try(cloud, name, ways[name], tuple(attempts), seconds)
        except SignInError as failure:
            attempts.append(Attempt(name, str(failure)))
    if on_prompt is not None:
        try:
            return await _try(cloud, "device-code", ways["device-code"], tuple(attempts))
        except SignInError as failure:
            failure.attempts = tuple(attempts)
            raise
    said = " ".join(f"{one.method}: {one.outcome}" for one in attempts)
    raise SignInError(f"No way to sign in serves here. {said} In a terminal, use --auth device-code.", "none")


def _silence() -> None:
    """Keep the libraries' own words from the terminal and from logs: azure-identity quotes what az printed, and that may be a token."""
    for name, level in (("azure", logging.WARNING), ("azure.identity", logging.CRITICAL), ("msal", logging.CRITICAL)):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


async def _try(
    cloud: Cloud,
    method: str,
    way: Callable[[], Awaitable[tuple[Any, list[Any]]]],
    attempts: tuple[Attempt, ...],
    seconds: float | None = None,
) -> SignedIn:
    closers: list[Callable[[], Awaitable[None]]] = []
    failure: SignInError | None = None
    try:
        async with asyncio.timeout(seconds):
            credential, closers = await way()
            token = await credential.get_token(cloud.scope, enable_cae=True)
    except asyncio.CancelledError:
        for close in closers:
            await close()
        raise
    except SignInError as error:
        failure = error
    except TimeoutError:
        failure = SignInError(f"Sign-in by {method} did not answer in time.", "unavailable")
    except Exception as error:  # noqa: BLE001 (a credential may raise anything; its text may quote Azure's answer, so it goes no further)
        failure = _explained(error, cloud, method)
    if failure is not None:
        for close in closers:
            await close()
        raise failure from None
    tenant_id, principal, object_id = whose(token.token)
    return SignedIn(credential, method, (*attempts, Attempt(method, "chosen")), tenant_id, principal or method, object_id, closers)


def whose(token: str) -> tuple[str, str, str]:
    """Tenant id, principal and object id that a token names; empty where it does not tell. The token is read, not verified."""
    claims = _claims(token)

    def first(*names: str) -> str:
        return next((clean(claims[name], 200) for name in names if isinstance(claims.get(name), str) and claims[name]), "")

    return first("tid"), first("upn", "preferred_username", "unique_name", "appid", "azp", "oid"), first("oid")


def _claims(token: str) -> dict[str, Any]:
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _explained(error: Exception, cloud: Cloud, method: str) -> SignInError:
    """The sentence for whatever a credential raised, made from its codes and types."""
    from azure.core.exceptions import AzureError, ServiceRequestError, ServiceResponseError

    chain = causes(error)
    text = clean(str(error), 2000)
    if found := _AADSTS.search(text):
        code = found.group(1)
        advice = ADVICE.get(code, "Look the code up at https://login.microsoftonline.com/error.")
        return SignInError(f"Sign-in by {method} was refused (AADSTS{code}). {advice}", f"AADSTS{code}")
    names = {type(one).__name__ for one in chain}
    if any("SSL" in name or "Certificate" in name for name in names) or "CERTIFICATE_VERIFY_FAILED" in text:
        return SignInError(
            f"The certificate of {cloud.authority} is not trusted. If your network inspects TLS or this is a private cloud, "
            "name its CA as ca_file in a cloud file.",
            "tls",
        )
    if names & {"ProxyError", "ClientProxyConnectionError", "ClientHttpProxyError"}:
        return SignInError("The proxy in HTTPS_PROXY refuses. Check its address and NO_PROXY.", "proxy")
    if method == "managed-identity":
        return SignInError(
            "This machine's managed identity gives no token. Check that one is assigned, and AZURE_CLIENT_ID.", "unavailable"
        )
    if any(isinstance(one, ServiceRequestError | ServiceResponseError | OSError) for one in chain):
        return SignInError(
            f"{cloud.authority} cannot be reached. Check the network, HTTPS_PROXY and NO_PROXY, and the authority of the cloud file.",
            "unreachable",
        )
    if "Unable to get authority configuration" in text:  # what MSAL makes of AADSTS90002 and its like
        return SignInError(f"{cloud.authority} does not know that tenant. {ADVICE['90002']}", "AADSTS90002")
    if method == "cli":
        return SignInError("The Azure CLI gives no token. Run “az login” and try again.", "cli")
    if method == "device-code":
        return SignInError("The sign-in was declined, or the code was not entered in time. Try again.", "declined")
    kind = "is not available" if isinstance(error, AzureError) else f"failed ({type(error).__name__})"
    return SignInError(f"Sign-in by {method} {kind} on this machine.", "unavailable")


# The ways


class StaticToken:
    """A credential that is one bearer token."""

    def __init__(self, token: str, expires_on: int) -> None:
        self._token = token
        self._expires_on = expires_on

    def __repr__(self) -> str:
        """Never the token."""
        return "StaticToken()"

    async def get_token(self, *scopes: str, claims: str | None = None, **_: Any) -> AccessToken:
        """The token, as long as it lasts."""
        from azure.core.credentials import AccessToken

        if claims is not None or time.time() >= self._expires_on:
            raise SignInError(f"The token in {TOKEN_VARIABLE} has expired or is not accepted any more. Put a fresh one there.", "expired")
        return AccessToken(self._token, self._expires_on)

    async def close(self) -> None:
        """Nothing is open."""

    async def __aenter__(self) -> StaticToken:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""


async def _token(environ: Mapping[str, str]) -> tuple[Any, list[Any]]:
    token = environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        raise SignInError(f"--auth token needs a bearer token in {TOKEN_VARIABLE}, and there is none.", "missing")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise SignInError(f"{TOKEN_VARIABLE} does not hold a bearer token: it has spaces or characters that none has.", "malformed")
    expires = _claims(token).get("exp")
    tells = isinstance(expires, int | float) and not isinstance(expires, bool) and 0 < expires < _FAR
    expires_on = int(expires or 0) if tells else int(time.time()) + 3600
    if time.time() >= expires_on:
        when = datetime.fromtimestamp(expires_on, UTC)
        raise SignInError(f"The token in {TOKEN_VARIABLE} expired at {when:%Y-%m-%d %H:%M} UTC. Put a fresh one there.", "expired")
    return StaticToken(token, expires_on), []


def _options(cloud: Cloud) -> dict[str, Any]:
    options: dict[str, Any] = {"authority": cloud.authority, "retry_total": 2}
    if not cloud.built_in:
        options["disable_instance_discovery"] = True
    if cloud.ca_file is not None:
        options["connection_verify"] = str(cloud.ca_file)
    if is_loopback(cloud.authority):
        options["use_env_settings"] = False
    return options


async def _environment(cloud: Cloud, tenant: str | None, environ: Mapping[str, str]) -> tuple[Any, list[Any]]:
    needed = ("AZURE_CLIENT_ID", "AZURE_TENANT_ID")
    secrets = ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH")
    if not all(environ.get(one) for one in needed) or not any(environ.get(one) for one in secrets):
        raise SignInError("AZURE_CLIENT_ID, AZURE_TENANT_ID and a secret or certificate are not all set.", "unset")
    from azure.identity.aio import CertificateCredential, ClientSecretCredential

    tenant_id, client_id = tenant or environ["AZURE_TENANT_ID"], environ["AZURE_CLIENT_ID"]
    credential: Any
    if secret := environ.get("AZURE_CLIENT_SECRET"):
        credential = ClientSecretCredential(tenant_id, client_id, secret, **_options(cloud))
    else:
        path = environ["AZURE_CLIENT_CERTIFICATE_PATH"]
        try:
            credential = CertificateCredential(
                tenant_id, client_id, path, password=environ.get("AZURE_CLIENT_CERTIFICATE_PASSWORD"), **_options(cloud)
            )
        except (OSError, ValueError):
            credential = None
        if credential is None:
            raise SignInError(
                f"AZURE_CLIENT_CERTIFICATE_PATH ({clean(path, 200)}) holds no certificate with its key in PEM or PKCS 12, "
                "or AZURE_CLIENT_CERTIFICATE_PASSWORD is wrong.",
                "certificate",
            )
    return credential, [credential.close]


async def _managed_identity(environ: Mapping[str, str]) -> tuple[Any, list[Any]]:
    hosted = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "AZURE_FEDERATED_TOKEN_FILE")
    if not any(environ.get(one) for one in hosted):
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(*IMDS), PROBE_SECONDS)
            writer.close()
        except (OSError, TimeoutError):
            raise SignInError("This machine has no managed identity.", "none") from None
    from azure.identity.aio import ManagedIdentityCredential

    credential = ManagedIdentityCredential(client_id=environ.get("AZURE_CLIENT_ID"))
    return credential, [credential.close]


async def _cli(tenant: str | None, environ: Mapping[str, str]) -> tuple[Any, list[Any]]:
    if shutil.which("az", path=environ.get("PATH")) is None:
        raise SignInError("The Azure CLI (az) is not installed here.", "none")
    from azure.identity.aio import AzureCliCredential

    credential = AzureCliCredential(tenant_id=tenant or "", process_timeout=30)
    return credential, [credential.close]


class _InThread:
    """A credential of azure-identity that knows no asyncio, asked in daemon threads, so that waiting for the user keeps nobody."""

    def __init__(self, credential: Any) -> None:
        self._credential = credential

    async def get_token(self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, **_: Any) -> AccessToken:
        """A token, without asking the user."""
        from azure.identity import AuthenticationRequiredError

        try:
            token: AccessToken = await in_thread(
                lambda: self._credential.get_token(*scopes, claims=claims, tenant_id=tenant_id, enable_cae=True)
            )
        except AuthenticationRequiredError:
            raise SignInError("Azure wants you to sign in again.", "interaction") from None
        return token

    async def close(self) -> None:
        """Close the connections."""
        self._credential.close()

    async def __aenter__(self) -> _InThread:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def _device_code(cloud: Cloud, tenant: str | None, on_prompt: Callable[[DevicePrompt], None] | None) -> tuple[Any, list[Any]]:
    if on_prompt is None:
        raise SignInError("A device code needs somebody to read it: run this in a terminal.", "unattended")
    from azure.identity import DeviceCodeCredential

    def prompt(verification_uri: str, user_code: str, expires_on: datetime) -> None:
        at = expires_on.replace(tzinfo=UTC) if expires_on.tzinfo is None else expires_on
        uri, code = clean(verification_uri, 300), clean(user_code, 40)
        on_prompt(DevicePrompt(uri, code, at, f"To sign in, open {uri} in a browser and enter the code {code}."))

    credential = DeviceCodeCredential(
        tenant_id=tenant or "organizations", prompt_callback=prompt, disable_automatic_authentication=True, **_options(cloud)
    )
    wrapped = _InThread(credential)
    try:
        await in_thread(lambda: credential.authenticate(scopes=[cloud.scope], enable_cae=True))
    except Exception:
        await wrapped.close()
        raise
    return wrapped, [wrapped.close]


async def in_thread(work: Callable[[], Any]) -> Any:
    """Run ``work`` in a daemon thread: when the waiting is cancelled, the thread is left behind and keeps no process from ending."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 (it belongs to whoever waits)
            error = raised
        with suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, daemon=True, name="sign-in").start()
    return await future
