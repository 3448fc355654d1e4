"""What Secrets hold: a training's variables, a database's address. Their values go nowhere else."""

import base64
import binascii
import re
from collections.abc import Iterable

from trainlease.effects.kube.base import Kube
from trainlease.model.errors import BadSpec, Forbidden, NotFound
from trainlease.model.platform import Platform

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


async def secret_environment(kube: Kube, namespace: str, names: Iterable[str]) -> dict[str, str]:
    """All keys of these Secrets as variables; a later Secret wins over an earlier one.

    BadSpec says which Secret or key is wrong, and never what is in it.
    """
    found: dict[str, str] = {}
    for name in names:
        what = f"Secret {namespace}/{name}"
        try:
            secret = await kube.get("secrets", namespace, name)
        except NotFound:
            raise BadSpec(
                f"{what} is missing: create it, or take it out of the job's spec.secrets, or out "
                "of the Platform's spec.tracking"
            ) from None
        except Forbidden:
            raise BadSpec(f"{what} may not be read by the operator: grant it get") from None
        for key, value in (secret.get("data") or {}).items():
            if not _VARIABLE.fullmatch(key):
                raise BadSpec(f"{what}: its key {key} is no name of a variable: rename it")
            found[key] = _decoded(value, f"{what}: the value of {key}")
    return found


async def database_address(kube: Kube, namespace: str, platform: Platform) -> str:
    """The address of the platform's database with its credentials; BadSpec has no part of it."""
    what = f"Secret {namespace}/{platform.spec.database.secret}"
    try:
        secret = await kube.get("secrets", namespace, platform.spec.database.secret)
    except NotFound:
        raise BadSpec(f"{what} is missing: create it with the key dsn") from None
    except Forbidden:
        raise BadSpec(f"{what} may not be read by the operator: grant it get") from None
    try:
        return base64.b64decode(secret["data"]["dsn"], validate=True).decode().strip()
    except KeyError:
        raise BadSpec(f"{what} has no key dsn: add the database's address as dsn") from None
    except (binascii.Error, UnicodeDecodeError):
        raise BadSpec(f"{what}: dsn is no text: write the database's address") from None


def _decoded(value: str, what: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise BadSpec(f"{what} is no text, and a variable can hold nothing else") from None
