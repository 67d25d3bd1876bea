"""What is remembered of credentials that are not stored: exchanged tokens, and since when issued ones count."""

from typing import Final

from zotplus.ports.keyvalue import Snapshot, Transaction
from zotplus.records import layout

EVERYBODY: Final = "*"
"""Instead of a principal's id."""

_MILLISECONDS_BYTES = 8


def put_exchanged(transaction: Transaction, digest: bytes, until_ms: int) -> bool:
    """Remember a token until then; False, and nothing changes, where it is known already."""
    key = layout.exchanged(digest)
    if transaction.get(key) is not None:
        return False
    transaction.put(key, until_ms.to_bytes(_MILLISECONDS_BYTES, "big"))
    transaction.put(layout.exchanged_until(until_ms, digest), b"")
    return True


def forget_exchanged(transaction: Transaction, now_ms: int, limit: int) -> int:
    """Forget up to ``limit`` tokens whose time has come; how many."""
    stop = layout.exchanged_until(now_ms, b"")
    due: list[bytes] = []
    for key, _ in transaction.scan(layout.EXCHANGED_BY_TIME, stop):
        due.append(key)
        if len(due) >= limit:
            break
    for key in due:
        transaction.delete(key)
        transaction.delete(layout.exchanged(layout.split_exchanged(key)[1]))
    return len(due)


def put_not_before(transaction: Transaction, principal_id: str, since_ms: int) -> None:
    """What was issued to the principal up to then is void."""
    transaction.put(layout.not_before(principal_id), since_ms.to_bytes(_MILLISECONDS_BYTES, "big"))


def under_terms(trust_id: str) -> str:
    """Instead of the id of a trust: what was issued under terms that the trust had before, told by the same time."""
    return f"{trust_id}#terms"  # no id of a principal


def not_before(snapshot: Snapshot, principal_id: str) -> int:
    """Milliseconds up to which what was issued to the principal is void; 0 where nothing was revoked."""
    own = snapshot.get(layout.not_before(principal_id)) or b""
    everybody = snapshot.get(layout.not_before(EVERYBODY)) or b""
    return max(int.from_bytes(own, "big"), int.from_bytes(everybody, "big"))
