"""Which buckets a caller learns of, whatever list they are in."""

from collections.abc import Sequence

from zotplus.domain import actions
from zotplus.domain.iam import Need
from zotplus.gateway.conditions.facts import gather
from zotplus.gateway.context import Context

_SHOWING = (actions.GET_BUCKET_LOCATION.name, actions.LIST_BUCKET.name)
"""Either shows a bucket: whoever may list a prefix only may read the location, and many policies name lists alone."""


async def visible_buckets(context: Context, names: Sequence[str]) -> frozenset[str]:
    """Those of ``names`` that the caller may list or find."""
    needs = {name: [Need(action, f"s3:{name}") for action in _SHOWING] for name in names}
    await gather(context, [need for asked in needs.values() for need in asked])
    return frozenset([name for name, asked in needs.items() if any(map(context.may, asked))])
