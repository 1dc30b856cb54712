"""The file that `compose.yaml` reads its settings from, made of the settings themselves."""

import math
from textwrap import wrap

import msgspec

from shared.settings import FROM_FILE, Settings, variable

_WIDTH = 118
_HEAD = f"""\
# Copy this file to `.env` beside compose.yaml and uncomment what is to differ; what is shown is the default.
# `waypost settings` writes it anew. Each variable may have {FROM_FILE} at its end and then names a file with the value.

# What compose itself reads: the address of the site (a host name gets a certificate by itself), where it is reached on
# this machine, and which images are used.
#SITE=:80
#HTTP_PORT=8080
#HTTPS_PORT=8443
#IMAGE=localhost/waypost:0.1.0
#POSTGRES_IMAGE=docker.io/library/postgres:18.1-trixie
#NATS_IMAGE=docker.io/library/nats:2.15-alpine
#VALKEY_IMAGE=docker.io/valkey/valkey:9.1-alpine
#CADDY_IMAGE=docker.io/library/caddy:2.10-alpine
"""


def render() -> str:
    """Every setting, with one sentence and its default, which is commented out."""
    entries = [_entry(field) for field in msgspec.structs.fields(Settings)]
    return "\n".join([_HEAD, "# What every process of Waypost reads.", *entries])


def _entry(field: msgspec.structs.FieldInfo) -> str:
    [meta] = field.type.__metadata__
    sentence = wrap(meta.description, _WIDTH, initial_indent="# ", subsequent_indent="# ")
    return "\n".join([*sentence, f"#{variable(field.name)}={_text(field.default)}", ""])


def _text(default: object) -> str:
    if default is msgspec.NODEFAULT:
        return ""
    if isinstance(default, tuple):
        return ",".join(default)
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float) and math.floor(default) == default:
        return str(int(default))
    return str(default)
