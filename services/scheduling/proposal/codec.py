"""Instances and answers as JSON: defaults are left out, a slot is [id, starts, ends], a window [starts, ends]."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from services.scheduling.proposal.model import Slot, Window

T = TypeVar("T")
FORMAT = "school-talks/1"
SHORT: tuple[type, ...] = (Slot, Window)  # written as lists: there are thousands
HINTS: dict[type, dict[str, Any]] = {}


def to_json(value: Any) -> dict[str, Any]:
    """A dataclass of `model` as what `json.dumps` takes."""
    return cast(dict[str, Any], _plain(value))


def from_json(kind: type[T], value: Any) -> T:
    """What `to_json` wrote. Raises ValueError with the place when it is not such a thing."""
    return cast(T, _read(kind, value, kind.__name__))


def _plain(value: Any) -> Any:
    if isinstance(value, SHORT):
        return [getattr(value, one.name) for one in fields(value)]  # type: ignore[arg-type]
    if is_dataclass(value):
        named = ((one, getattr(value, one.name)) for one in fields(value))
        return {one.name: _plain(item) for one, item in named if not _is_default(one, item)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, StrEnum) else value


def _is_default(one: Field[Any], value: Any) -> bool:
    return one.default is not MISSING and type(one.default) is type(value) and bool(one.default == value)


def _read(kind: Any, value: Any, place: str) -> Any:
    if get_origin(kind) is UnionType:
        inner = next(part for part in get_args(kind) if part is not NoneType)
        return None if value is None else _read(inner, value, place)
    if get_origin(kind) is tuple:
        return _read_tuple(get_args(kind), value, place)
    if is_dataclass(kind):
        return _read_record(cast(type, kind), value, place)
    return _read_single(kind, value, place)


def _read_tuple(kinds: tuple[Any, ...], value: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{place} is not a list")
    each = [kinds[0]] * len(value) if kinds[-1] is Ellipsis else list(kinds)
    if len(each) != len(value):
        raise ValueError(f"{place} has {len(value)} parts, not {len(each)}")
    return tuple(
        _read(kind, item, f"{place}[{number}]") for number, (kind, item) in enumerate(zip(each, value, strict=True))
    )


def _read_record(kind: type, value: Any, place: str) -> Any:
    hints = HINTS.setdefault(kind, {}) or HINTS[kind]
    if not hints:
        hints.update(get_type_hints(kind))
    if isinstance(value, list) and kind in SHORT and len(value) == len(hints):
        value = dict(zip(hints, value, strict=True))
    if not isinstance(value, dict):
        raise ValueError(f"{place} is not a {kind.__name__}")
    known = {name: _read(hints[name], item, f"{place}.{name}") for name, item in value.items() if name in hints}
    try:
        return kind(**known)
    except TypeError as error:
        raise ValueError(f"{place}: {error}") from error


def _read_single(kind: Any, value: Any, place: str) -> Any:
    if issubclass(kind, StrEnum):
        return kind(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{place} is not of the kind {kind.__name__}")
    return value
