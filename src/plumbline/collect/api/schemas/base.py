"""What all bodies share, and the bounds of their values."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Fence = Annotated[int, Meta(ge=1, le=2**62)]
Number = Annotated[int, Meta(ge=1, le=2**62)]
Version = Annotated[int, Meta(ge=1, le=1_000_000)]
Seconds = Annotated[float, Meta(ge=0, le=86_400)]
RoleName = Literal["worker", "reviewer", "manager", "owner"]
StateName = Literal["open", "paused", "closed"]
JsonObject = dict[str, Any]


class Body(Struct, forbid_unknown_fields=True):
    """What comes in."""
