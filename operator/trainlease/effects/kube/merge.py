"""JSON merge-patch (RFC 7386): a null removes, an object is merged, anything else replaces."""

from collections.abc import Mapping
from typing import Any


def merge(target: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """`target` with the patch merged in; `target` itself is changed."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, Mapping):
            old = target.get(key)
            target[key] = merge(old if isinstance(old, dict) else {}, value)
        else:
            target[key] = value
    return target


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The smallest merge-patch that makes `new` of `old`; empty if they are equal."""
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            inner = difference(before, value)
            if inner:
                patch[key] = inner
        elif key not in old or before != value:
            patch[key] = value
    return patch
