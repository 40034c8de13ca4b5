"""Clouds are data: what to sign in to, what to ask, and where the portals are. Built in, or a TOML file."""

from __future__ import annotations

import difflib
import hashlib
import ipaddress
import ssl
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cache.failure import Exit, Failure
from cache.text import clean


class CloudError(Failure):
    """A cloud is not known or its file has a mistake; the text names the file, the place and what to do."""

    exit_code = Exit.CONFIGURATION


@dataclass(frozen=True, slots=True)
class Cloud:
    """An Azure. ``key`` names it in file paths; ``built_in`` clouds are known to the sign-in's instance discovery."""

    name: str
    authority: str
    resource_manager: str
    audience: str
    azure_portal: str
    defender_portal: str
    integration_supported: bool = True
    ca_file: Path | None = None
    key: str = ""
    built_in: bool = False

    @property
    def scope(self) -> str:
        """The scope that a token for the resource manager needs."""
        return f"{self.audience.rstrip('/')}/.default"


BUILT_IN: dict[str, Cloud] = {
    "public": Cloud(
        "Azure",
        "https://login.microsoftonline.com",
        "https://management.azure.com",
        "https://management.azure.com",
        "https://portal.azure.com",
        "https://security.microsoft.com",
        key="public",
        built_in=True,
    ),
    "usgovernment": Cloud(
        "Azure US Government",
        "https://login.microsoftonline.us",
        "https://management.usgovcloudapi.net",
        "https://management.core.usgovcloudapi.net",
        "https://portal.azure.us",
        "https://security.microsoft.us",
        key="usgovernment",
        built_in=True,
    ),
    "china": Cloud(
        "Azure China",
        "https://login.chinacloudapi.cn",
        "https://management.chinacloudapi.cn",
        "https://management.chinacloudapi.cn",
        "https://portal.azure.cn",
        "https://security.microsoft.cn",
        integration_supported=False,
        key="china",
        built_in=True,
    ),
}

ALIASES = {
    "azure": "public",
    "usgov": "usgovernment",
    "government": "usgovernment",
    "azureusgovernment": "usgovernment",
    "azurechina": "china",
}

_ADDRESSES = ("authority", "resource_manager", "audience", "azure_portal", "defender_portal")
_KEYS = ("name", *_ADDRESSES, "integration_supported", "ca_file")


def load_cloud(name_or_path: str, folder: Path | None = None) -> Cloud:
    """The cloud of that name, or in the file of that name in ``folder``, or in the file at that path. Raises :class:`CloudError`."""
    name = name_or_path.strip()
    plain = name.lower().replace("-", "").replace("_", "")
    if found := BUILT_IN.get(ALIASES.get(plain, plain)):
        return found
    if folder is not None and name and "/" not in name and not name.startswith(".") and (folder / f"{name}.toml").is_file():
        return _read(folder / f"{name}.toml")
    if name.endswith(".toml") or "/" in name:
        return _read(_home(name))
    known = [*BUILT_IN, *(sorted(one.stem for one in folder.glob("*.toml")) if folder is not None else [])]
    close = difflib.get_close_matches(name, known, 1)
    hint = f" Did you mean “{close[0]}”?" if close else ""
    raise CloudError(f"The cloud “{clean(name)}” is not known.{hint} Known are {', '.join(known)}, or the path of a .toml file.")


def is_loopback(address: str) -> bool:
    """Whether an address is this machine, around which proxies are never asked."""
    host = urlsplit(address).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _home(name: str) -> Path:
    """The path, with a leading ``~`` resolved where that user is known."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def _read(path: Path) -> Cloud:
    shown = clean(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CloudError(f"The cloud file {shown} is not valid TOML: {clean(error)}. Correct that line.") from None
    except UnicodeDecodeError:
        raise CloudError(f"The cloud file {shown} is not text in UTF-8. Save it as UTF-8.") from None
    except RecursionError:
        raise CloudError(f"The cloud file {shown} is nested too deeply to be one. It is a flat list of: {', '.join(_KEYS)}.") from None
    except FileNotFoundError:
        raise CloudError(f"The cloud file {shown} does not exist. Check the path given with --cloud.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or clean(error)
        raise CloudError(f"The cloud file {shown} cannot be read: {reason}.") from None
    for key in table:
        if key not in _KEYS:
            close = difflib.get_close_matches(key, _KEYS, 1)
            hint = f" Did you mean “{close[0]}”?" if close else f" Known are {', '.join(_KEYS)}."
            raise CloudError(f"{shown}: “{clean(key)}” is not known in a cloud file.{hint}")
    addresses = {key: _address(path, table, key) for key in _ADDRESSES}
    name = table.get("name")
    if not isinstance(name, str) or not clean(name):
        raise CloudError(f'{shown}: “name” is missing or is not text. Add a line such as: name = "Contoso"')
    supported = table.get("integration_supported", True)
    if not isinstance(supported, bool):
        raise CloudError(f"{shown}: “integration_supported” must be true or false, without quotes.")
    key = f"{path.stem}-{hashlib.sha256(addresses['resource_manager'].encode()).hexdigest()[:8]}"
    ca_file = _ca_file(path, table.get("ca_file"))
    return Cloud(
        clean(name),
        addresses["authority"],
        addresses["resource_manager"],
        addresses["audience"],
        addresses["azure_portal"],
        addresses["defender_portal"],
        supported,
        ca_file,
        key,
    )


def _address(path: Path, table: dict[str, object], key: str) -> str:
    value, shown = table.get(key), clean(path)
    if not isinstance(value, str) or not value:
        raise CloudError(f'{shown}: “{key}” is missing or is not text. Add a line such as: {key} = "https://…"')
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise CloudError(f"{shown}: “{key}” is not an address: {clean(value)}. Write it as https://host.") from None
    if port == 0 or not value.isascii() or not value.isprintable() or any(character in ' "<>\\^`{|}' for character in value):
        raise CloudError(f"{shown}: “{key}” is not an address: {clean(value)}. Write it as https://host.")
    if parts.scheme != "https" or not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        raise CloudError(f"{shown}: “{key}” must be a plain https:// address, since tokens are sent there. It is “{clean(value)}”.")
    return value.rstrip("/")


def _ca_file(path: Path, value: object) -> Path | None:
    if value is None:
        return None
    shown = clean(path)
    if not isinstance(value, str) or not value:
        raise CloudError(f"{shown}: “ca_file” must be the path of a PEM file, in quotes.")
    ca_file = (path.parent / _home(value)).absolute()
    try:
        ssl.create_default_context(cafile=str(ca_file))
    except FileNotFoundError:
        raise CloudError(
            f"{shown}: the ca_file {clean(ca_file)} does not exist. Name the PEM file of your CA, or leave ca_file out."
        ) from None
    except ssl.SSLError:
        raise CloudError(
            f"{shown}: the ca_file {clean(ca_file)} holds no certificate in PEM. It must have lines such as -----BEGIN CERTIFICATE-----."
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or clean(error)
        raise CloudError(f"{shown}: the ca_file {clean(ca_file)} cannot be read: {reason}.") from None
    return ca_file
