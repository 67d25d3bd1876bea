"""What a record says about the secret that it holds sealed, so that all of them can be sealed anew under another key.

Whoever seals values into the store declares a ``SealedTable`` and names it in ``services.upkeep.resealing``.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from zotplus.records.shape import Shape

Reseal = Callable[[bytes], bytes]
"""A sealed value -> the same secret, sealed under the current master key."""


class SealedTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table whose records hold a sealed value; its context is the record's key.

    ``name`` is for people, ``prefix`` what its keys begin with. ``resealed`` makes of a stored value the one that holds
    what its ``Reseal`` returned; it calls that for each sealed value and changes nothing else.
    """

    name: str
    prefix: bytes
    resealed: Callable[[bytes, Reseal], bytes]


def field_of(shape: Shape[Any], *fields: str) -> Callable[[bytes, Reseal], bytes]:
    """``SealedTable.resealed`` for records of ``shape`` that keep sealed values in ``fields`` (by default ``sealed``).

    An empty field holds none.
    """

    def resealed(value: bytes, reseal: Reseal) -> bytes:
        record = shape.decode(value)
        held = {name: getattr(record, name) for name in fields or ("sealed",)}
        changed = {name: reseal(sealed) for name, sealed in held.items() if sealed}
        return shape.encode(msgspec.structs.replace(record, **changed))

    return resealed
