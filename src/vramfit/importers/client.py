"""Requests over HTTP, for the Hub, for Ollama's registry and for addresses, through ``huggingface_hub``'s session.

The session brings what is that library's trade: proxies, certificates, a user's own client factory, ``HF_HUB_OFFLINE``.
What is added here is what a question about a header needs: nothing is read beyond what was asked, whatever the server
sends; a reply has a deadline; one retry and no more; a token goes to its own host and to no other; and every failure is
one line without secrets.

``huggingface_hub`` is the optional extra ``hub``; it is imported when the first request is made.
"""

from __future__ import annotations

import os
import time

import vramfit
from vramfit._record import Record
from vramfit.errors import InputError
from vramfit.importers.reference import without_secrets
from vramfit.importers.source import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

INSTALL = (
    "pip install huggingface_hub where vramfit is installed, or give a file of this disk: ./config.json, ./model.gguf"
)
UNREACHED = "check the network, the address and the proxy; a file of this disk needs none: ./config.json, ./model.gguf"
MOST_REDIRECTS = 5
LONGEST_WAIT_SECONDS = 5
"""A server that asks for more patience than this (``Retry-After``) is not waited for."""
RETRY_AFTER_SECONDS = 0.5
SLOWEST_BYTES_PER_SECOND = 16_384
"""A reply may take the timeout, and beyond it as long as it comes at least this fast."""
MOST_SKIPPED_BYTES = 64 << 20
"""Bound on the bytes that are read of a server that sends whole files for ranges, before it is given up."""
LONGEST_TEXT_BYTES = 32 << 20
"""A listing, a config or an index beyond this is none."""
TRUE_WORDS = ("1", "on", "yes", "true")

_REDIRECTS = (301, 302, 303, 307, 308)
_PART = 206
_PASSING = (408, 500, 502, 503, 504)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Network(Record):
    """Limits of what a command may ask beyond this disk."""

    offline: bool = False
    """True for no request at all: ``--offline``."""
    timeout_seconds: float = 10.0
    """Longest silence of a server."""

    @property
    def off(self) -> str | None:
        """Word that forbids requests: ``--offline`` or ``HF_HUB_OFFLINE``; None where they are allowed."""
        if self.offline:
            return "--offline"
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
            if os.environ.get(name, "").strip().lower() in TRUE_WORDS:
                return f"{name}={os.environ[name].strip()}"
        return None


class Reply(Record):
    """Server's answer, at the end of all redirects."""

    status: int
    headers: Mapping[str, str]
    """Header fields by their names in small letters."""
    content: bytes
    """Bytes that came, at most what was asked for."""
    whole: bool
    """False where the server would have sent more."""
    host: str
    """Host that answered, for messages."""


class Client:
    """Makes requests to one kind of server.

    ``token`` gives the token, or None, when the first request is made; it goes with requests to ``home``, an address of
    which scheme, host and port count, and with no others.
    """

    def __init__(
        self,
        network: Network,
        token: Callable[[], str | None] | None = None,
        home: str = "",
        wait: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.network = network
        self._token = token
        self._home = origin(home)
        self._wait = wait
        self._clock = clock

    def get(
        self,
        address: str,
        limit_bytes: int = LONGEST_TEXT_BYTES,
        headers: Mapping[str, str] | None = None,
        part_bytes: int | None = None,
    ) -> Reply:
        """The reply to a GET, after redirects and at most one retry.

        At most ``limit_bytes`` of its content are read; of a reply with a part of a file (206), ``part_bytes``.
        Any status but 429 and those of a server out of order is the caller's to judge.

        Raises:
            InputError: requests are off, the server cannot be reached, is too slow, ends early, asks for patience, or
                is out of order.
        """
        if (word := self.network.off) is not None:
            shown = printable(without_secrets(address))
            raise InputError(f"{shown} is not asked: {word}", f"without {word} it would be read")
        for last in (False, True):
            try:
                reply = self._follow(address, (limit_bytes, part_bytes or limit_bytes), dict(headers or {}))
            except _PassingError as error:
                if last:
                    raise InputError(error.message, error.hint) from None
                self._wait(RETRY_AFTER_SECONDS)
                continue
            patience = RETRY_AFTER_SECONDS if reply.status in _PASSING else None
            if reply.status == 429:
                asked = reply.headers.get("retry-after", "").strip()
                patience = float(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 6 else None
            if last or patience is None or patience > LONGEST_WAIT_SECONDS:
                return _judged(reply, patience)
            self._wait(patience)
        raise AssertionError("the second round returns or raises")

    def _follow(self, address: str, limits: tuple[int, int], headers: dict[str, str]) -> Reply:
        """One attempt: a request, and one for each redirect; the token stays behind for good at the first foreign one."""
        from urllib.parse import urljoin

        token = None if self._token is None else self._token()
        trusted = token is not None
        for _ in range(MOST_REDIRECTS + 1):
            trusted = trusted and origin(address) == self._home
            send = {"user-agent": f"vramfit/{vramfit.__version__}", "accept-encoding": "identity"} | headers
            if trusted:
                send["authorization"] = f"Bearer {token}"
            reply, location = self._send(address, limits, send)
            if location is None:
                return reply
            following = urljoin(address, location)
            if origin(following)[0] not in ("https", origin(address)[0]):
                raise InputError(f"{reply.host} redirects to an address that is not safe to follow", None)
            address = following
        raise InputError(f"{origin(address)[1]} redirects more than {MOST_REDIRECTS} times", "check the address")

    def _send(self, address: str, limits: tuple[int, int], headers: Mapping[str, str]) -> tuple[Reply, str | None]:
        """One request; the reply, and where it redirects to."""
        host = printable(origin(address)[1] or without_secrets(address))
        session, transport = _session()
        seconds = self.network.timeout_seconds
        try:
            with session.stream(
                "GET", address, headers=headers, timeout=seconds, follow_redirects=False
            ) as response:  # fmt: skip
                fields = {name.lower(): value for name, value in response.headers.items()}
                if response.status_code in _REDIRECTS and "location" in fields:
                    return Reply(response.status_code, fields, b"", True, host), fields["location"]
                content, whole = self._read(response, limits[response.status_code == _PART], host)
        except transport.TimeoutException:
            raise _PassingError(*_too_slow(host, seconds)) from None
        except transport.ConnectError as error:
            reason = printable(str(error)) or "no connection"
            raise InputError(f"{host} cannot be reached: {reason}", UNREACHED) from None
        except (transport.NetworkError, transport.RemoteProtocolError, transport.DecodingError):
            raise _PassingError(f"{host} broke the reply off before its end", "try again") from None
        except (transport.HTTPError, transport.InvalidURL, transport.StreamError, ConnectionError, ValueError):
            # What these say may quote the request, and with it a token.
            raise InputError(f"{host} cannot be asked", "check the address, the proxy and the token") from None
        return Reply(response.status_code, fields, content, whole, host), None

    def _read(self, response: Any, limit_bytes: int, host: str) -> tuple[bytes, bool]:
        """The content up to the limit, and whether that was all of it; the rest is never asked from the server."""
        started = self._clock()
        seconds = self.network.timeout_seconds
        content = bytearray()
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > limit_bytes:
                return bytes(content[:limit_bytes]), False
            if self._clock() - started > seconds + len(content) / SLOWEST_BYTES_PER_SECOND:
                raise _PassingError(*_too_slow(host, seconds))
        return bytes(content), True


class _PassingError(Exception):
    """A failure that a second attempt may not meet."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def origin(address: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address: what a token belongs to."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(address)
        return parts.scheme.lower(), (parts.hostname or "").lower(), parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", "", 0


def read_json(reply: Reply, what: str) -> Any:
    """The JSON value of a reply; ``what`` names it in the message.

    Raises:
        InputError: it is longer than such a thing is, or no JSON.
    """
    if not reply.whole:
        raise InputError(f"{what} from {reply.host} is longer than such a thing is", "check the address")
    import json

    try:
        return json.loads(reply.content)
    except (ValueError, RecursionError):
        raise InputError(
            f"{what} from {reply.host} is not JSON", "check the address, and whether a login page answers"
        ) from None


def _judged(reply: Reply, patience: float | None) -> Reply:
    if reply.status == 429:
        wait = f"try again in {patience:.0f} s" if patience is not None else "try again later"
        raise InputError(
            f"{reply.host} has had too many requests from here (429)", f"{wait}; HF_TOKEN raises the Hub's limit"
        )
    if reply.status in _PASSING or reply.status >= 500:
        raise InputError(f"{reply.host} is out of order ({reply.status})", "try again later")
    return reply


def _too_slow(host: str, seconds: float) -> tuple[str, str]:
    return (
        f"{host} is too slow: nothing useful came within {seconds:g} s",
        "try again, or give it more: --timeout SECONDS",
    )


def _session() -> tuple[Any, Any]:
    """The library's session, and the package of HTTP that it is made of: httpx2, or httpx with huggingface_hub 1.x."""
    try:
        from huggingface_hub import get_session
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError:
        raise InputError("this needs the network, and huggingface_hub is not installed", INSTALL) from None
    from importlib import import_module

    base = next(kind for kind in HfHubHTTPError.__mro__ if kind.__name__ == "HTTPError")
    return get_session(), import_module(base.__module__.partition(".")[0])
