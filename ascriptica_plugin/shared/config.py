"""Every setting: its name, its default, and what it must look like. The docs follow this list.

A host sets them in `app.config`; the stand-alone site reads them from the environment. A new one is one line here.
"""

import os
import re
import ssl
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .language import LANGUAGES, SOURCE, nearest

OURS = "ASCRIPTICA_"


class Setting(NamedTuple):
    """`read` turns the value that was set into the one that is used. It raises ValueError, with a sentence, if the
    value is not valid."""

    name: str
    default: Any
    read: Callable[[Any], Any]


def from_environment(settings: tuple[Setting, ...]) -> dict[str, str]:
    """The settings that the environment has; a blank one counts as not set."""
    return {one.name: os.environ[one.name] for one in settings if os.environ.get(one.name)}


def read(
    config: MutableMapping[str, Any], settings: tuple[Setting, ...], given: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The settings as they are used: from `config`, else as the site's developer has `given` them.

    Those whose names are ours alone may also be in the environment, for the operator, and are added to `config`.

    Raises RuntimeError, with a sentence for the operator, if one of them is not valid.
    """
    found = {}
    for one in settings:
        typed = config.get(one.name)
        if typed is None and one.name.startswith(OURS):
            typed = os.environ.get(one.name) or (given or {}).get(one.name)
        try:
            found[one.name] = one.read(one.default if typed is None else typed)
        except ValueError as error:
            raise RuntimeError(str(error)) from None
        if one.name.startswith(OURS):
            config[one.name] = one.default if typed is None else typed
            if isinstance(found[one.name], bool):
                config[one.name] = found[one.name]
    return found


# -- what each must look like -----------------------------------------------------------------------------------------


def _text(typed: str | None) -> str | None:
    return typed or None


def _switch(name: str) -> Callable[[Any], bool]:
    def read_switch(typed: Any) -> bool:
        if typed not in (True, False, "0", "1"):
            raise ValueError(f"{name} must be 1, or left out.")
        return typed in (True, "1")

    return read_switch


def _secret_key(typed: str | bytes | None) -> str | bytes:
    if not typed:
        raise ValueError("Set SECRET_KEY to a long random value: sessions and the Canvas token depend on it.")
    return typed


def _fallbacks(typed: str | Sequence[str | bytes] | None) -> list[str | bytes]:
    keys = typed.split(",") if isinstance(typed, str) else typed or []
    return [key for key in keys if key]


def secret_keys(values: Mapping[str, Any]) -> list[bytes]:
    """The secret keys as itsdangerous takes them: first those that were replaced, and last the one in use."""
    keys = [*values["SECRET_KEY_FALLBACKS"], values["SECRET_KEY"]]
    return [key.encode() if isinstance(key, str) else key for key in keys]


def _queue(typed: str | None) -> str | None:
    if typed and not re.fullmatch(r"[\w.-]{1,100}", typed, re.ASCII):
        raise ValueError("ASCRIPTICA_QUEUE must be a name of letters, digits, dots and dashes, such as spring-courses.")
    return typed or None


def _redis_url(typed: str | None) -> str | None:
    try:
        parts = urlsplit(typed or "")
        right = parts.scheme in ("redis", "rediss", "unix") and parts.port != 0
    except ValueError:
        right = False
    if typed and not right:
        raise ValueError("REDIS_URL must look like redis://localhost:6379/0, rediss://... or unix:///...")
    return typed or None


def _ca_file(path: str | None) -> str | None:
    if path:
        try:
            ssl.create_default_context(cafile=path)
        except OSError:
            raise ValueError(
                f"ASCRIPTICA_CANVAS_CA_FILE must be a PEM file with certificates; {path} is not one."
            ) from None
    return path or None


def _timezone(typed: str) -> ZoneInfo:
    try:
        return ZoneInfo(typed)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError("ASCRIPTICA_TIMEZONE must name a time zone, such as America/Denver.") from None


def _days(typed: str | int) -> timedelta:
    if not re.fullmatch("[1-9][0-9]{0,4}", str(typed)):
        raise ValueError("ASCRIPTICA_LOG_DAYS must be a whole number of days, at least 1.")
    return timedelta(days=int(typed))


def _log_shape(typed: str) -> str:
    if typed not in ("text", "json"):
        raise ValueError("ASCRIPTICA_LOG must be text or json, or left out.")
    return typed


def _metrics_token(typed: str | None) -> str | None:
    if typed and len(typed) < 16:
        raise ValueError("ASCRIPTICA_METRICS_TOKEN must have at least 16 characters, so that nobody can guess it.")
    return typed or None


def _number(name: str, highest: int, lowest: int = 0) -> Callable[[Any], int]:
    def read_number(typed: str | int) -> int:
        if not re.fullmatch("[0-9]{1,6}", str(typed)) or not lowest <= int(typed) <= highest:
            raise ValueError(f"{name} must be a whole number from {lowest} to {highest}.")
        return int(typed)

    return read_number


def _proxies(typed: str | int) -> int:
    if not str(typed).isdecimal():
        raise ValueError("ASCRIPTICA_PROXIES must be the number of proxies in front of this site, such as 1.")
    return int(typed)


def _address(typed: str) -> str:
    address = typed.strip().rstrip("/").lower()
    try:
        parts = urlsplit(address)
        right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        right = right and address == f"{parts.scheme}://{parts.netloc}" and "@" not in address and address.isascii()
    except ValueError:
        right = False
    if address and not right:
        raise ValueError(
            "ASCRIPTICA_ADDRESS must be where people reach this site, without a path: https://register.example.org"
        )
    return address


def _smtp_url(typed: str | None) -> str | None:
    try:
        parts = urlsplit(typed or "")
        right = parts.scheme in ("smtp", "smtps") and parts.hostname and parts.port != 0
    except ValueError:
        right = False
    if typed and not right:
        raise ValueError("SMTP_URL must look like smtps://user:password@mail.example.org:465, or begin with smtp://.")
    return typed or None


COLORS = frozenset(
    f"{name}{end}"
    for name, ends in {
        "ground": ("",),
        "surface": ("", "-quiet"),
        "ink": ("", "-quiet"),
        "line": ("", "-strong"),
        "accent": ("", "-strong", "-ink", "-ink-strong"),
        "on-accent": ("",),
        "good": ("", "-ground", "-line"),
        "warn": ("", "-ground", "-line"),
        "bad": ("", "-ground", "-line"),
        "info": ("", "-ground", "-line"),
        "danger": ("", "-strong"),
    }.items()
    for end in ends
)
"""The custom properties of `ascriptica.css` that a host may set, without the dashes in front."""

A_COLOR = re.compile(r"[#\w ,.%()/-]+", re.ASCII)


def _colors(typed: str | Mapping[str, str] | None) -> dict[str, str]:
    """Colours by name, from a mapping or text: `accent: #b00020; ground: white`. Raises ValueError, with a sentence."""
    if isinstance(typed, str):
        typed = dict(part.split(":", 1) for part in typed.split(";") if ":" in part)
    read = {name.strip(): color.strip() for name, color in (typed or {}).items()}
    for name, color in read.items():
        if name not in COLORS:
            raise ValueError(f"ASCRIPTICA_COLORS: there is no colour {name}. There are {', '.join(sorted(COLORS))}.")
        if not A_COLOR.fullmatch(color) or "url(" in color.lower():
            raise ValueError(f"ASCRIPTICA_COLORS: {color} is not a valid colour for {name}.")
    return read


ALL_PAGES = ("courses", "my-courses", "tools")


def _pages(typed: str | Sequence[str]) -> tuple[str, ...]:
    pages = tuple(part.strip() for part in (typed.split(",") if isinstance(typed, str) else typed))
    if unknown := set(pages) - set(ALL_PAGES):
        raise ValueError(f"ASCRIPTICA_PAGES: there is no {min(unknown)}. There are {', '.join(ALL_PAGES)}.")
    if "my-courses" in pages and "courses" not in pages:
        raise ValueError("ASCRIPTICA_PAGES: my-courses needs courses, to which its entries lead.")
    return pages


def _language(typed: str) -> str:
    if (found := nearest(typed)) is None:
        raise ValueError(f"ASCRIPTICA_LANGUAGE must be one of {', '.join(LANGUAGES)}.")
    return found


def with_driver(url: str) -> str:
    """Add the driver that the extra `postgres` installs to a PostgreSQL URL that names none.

    SQLAlchemy 2.0 and 2.1 have different defaults, and neither accepts postgres://, which some platforms still use.
    """
    return re.sub("^postgres(ql)?://", "postgresql+psycopg://", url)


def _database_url(typed: str | None) -> str | None:
    if typed and not with_driver(typed).startswith(("sqlite", "postgresql")):
        raise ValueError(DATABASE_URL_LOOKS_LIKE)
    return with_driver(typed) if typed else None


DATABASE_URL_LOOKS_LIKE = (
    "DATABASE_URL must look like postgresql://user:password@localhost:5432/name, or be left out for SQLite."
)


def _port(typed: str) -> int:
    if not typed.isdecimal() or int(typed) > 65535:
        raise ValueError(f"PORT is {typed}; set it to a number up to 65535.")
    return int(typed)


ADDRESS = Setting("ASCRIPTICA_ADDRESS", "", _address)
"""The plugin needs it for links in mails, the stand-alone site for other things too."""

FALLBACKS = Setting("SECRET_KEY_FALLBACKS", None, _fallbacks)
"""The plugin needs them for secrets in the database, the stand-alone site for its cookies too."""

PLUGIN = (
    ADDRESS,
    Setting("SECRET_KEY", None, _secret_key),
    FALLBACKS,
    Setting("REDIS_URL", None, _redis_url),
    Setting("ASCRIPTICA_REDIS_URL", None, _redis_url),
    Setting("ASCRIPTICA_QUEUE", None, _queue),
    Setting("ASCRIPTICA_TOKEN_KEYS", None, _text),
    Setting("ASCRIPTICA_ALLOW_PRIVATE_CANVAS", False, _switch("ASCRIPTICA_ALLOW_PRIVATE_CANVAS")),
    Setting("ASCRIPTICA_CANVAS_CA_FILE", None, _ca_file),
    Setting("ASCRIPTICA_TIMEZONE", "UTC", _timezone),
    Setting("ASCRIPTICA_LOG", "text", _log_shape),
    Setting("ASCRIPTICA_LOG_DAYS", 180, _days),
    Setting("ASCRIPTICA_BRAKE_PEOPLE", 25, _number("ASCRIPTICA_BRAKE_PEOPLE", 999_999)),
    Setting("ASCRIPTICA_BRAKE_PERCENT", 20, _number("ASCRIPTICA_BRAKE_PERCENT", 100)),
    Setting("ASCRIPTICA_MASS_SEATS", 500, _number("ASCRIPTICA_MASS_SEATS", 999_999, 1)),
    Setting("ASCRIPTICA_METRICS_TOKEN", None, _metrics_token),
    Setting("ASCRIPTICA_URL_PREFIX", None, _text),
    Setting("ASCRIPTICA_PAGES", ALL_PAGES, _pages),
    Setting("ASCRIPTICA_BRAND", "Ascriptica", str),
    Setting("ASCRIPTICA_COLORS", None, _colors),
    Setting("ASCRIPTICA_FOOTER", None, _text),
    Setting("ASCRIPTICA_LANGUAGE", SOURCE, _language),
)
"""The settings that the plugin reads, in any host."""

SITE = (
    ADDRESS,
    FALLBACKS,
    Setting("DATABASE_URL", None, _database_url),
    Setting("ASCRIPTICA_PROXIES", 0, _proxies),
    Setting("ASCRIPTICA_ADMIN_SECOND_STEP", False, _switch("ASCRIPTICA_ADMIN_SECOND_STEP")),
    Setting("ASCRIPTICA_BACKUPS", None, _text),
    Setting("ASCRIPTICA_PRACTICE_PORT", None, _text),
    Setting("SMTP_URL", None, _smtp_url),
    Setting("MAIL_FROM", None, _text),
)
"""The settings that only the stand-alone site reads."""

ONE_MACHINE = (
    Setting("HOST", "127.0.0.1", str),
    Setting("PORT", "5000", _port),
)
"""The settings that only `python wsgi.py` reads."""
