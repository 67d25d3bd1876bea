"""One action of the service as data: what must be allowed, which parameters it takes, and the function that does it."""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

import msgspec

from zotplus.domain.actions import Action
from zotplus.domain.iam import Need
from zotplus.domain.iam.arns import ACCOUNT
from zotplus.gateway.context import Context
from zotplus.gateway.queries.reading import Parameters, invalid, required
from zotplus.gateway.queries.writing import element, group

T = TypeVar("T")

PAGE_MAX: Final = 1_000
"""Entries of one answer. Spec: AWS IAM API Reference, "ListUsers", MaxItems."""
POLICY_ARN: Final = f"arn:aws:iam::{ACCOUNT}:policy/"
_PAGE = 100
_COMMON = frozenset({"Action", "Version"})
_OF_SIGNATURE = "X-Amz-"
_is_page_size = re.compile(r"[1-9][0-9]{0,3}").fullmatch

Work = Callable[[Context, Parameters], Awaitable[Sequence[str] | None]]
"""Does an action: (context, parameters) -> the elements of its result as markup, None where it has none."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the service. ``resource`` is what the ``action`` is asked on; ``{Name}`` stands for a parameter.

    ``also`` are further actions that must be allowed on the same. ``takes`` are the parameters besides those that every
    action has; one that is not among them is refused, not ignored.
    """

    name: str
    summary: str
    work: Work
    action: Action
    resource: str
    takes: str = ""
    also: tuple[Action, ...] = ()

    def needs(self, parameters: Parameters) -> tuple[Need, ...]:
        """What must be allowed. Raises ``ARGUMENT_INVALID`` where a parameter that it is about is missing."""
        resource = re.sub(r"\{(\w+)\}", lambda found: resource_name(parameters, found[1]), self.resource)
        return tuple([Need(action.name, resource) for action in (self.action, *self.also)])

    def check(self, parameters: Parameters) -> None:
        """Refuse what would be ignored. Raises ``ARGUMENT_INVALID``."""
        known = _COMMON.union(self.takes.split())
        for name in parameters:
            if name.startswith(_OF_SIGNATURE):
                continue
            if name.partition(".")[0] not in known:
                raise invalid(name, f"{self.name} does not support this parameter here.")


def resource_name(parameters: Parameters, name: str) -> str:
    """A parameter as part of a resource's name: of a policy's ARN its name."""
    return policy_name(parameters) if name == "PolicyArn" else required(parameters, name)


def policy_name(parameters: Parameters) -> str:
    """The name in ``PolicyArn``. Raises ``ARGUMENT_INVALID``."""
    arn = required(parameters, "PolicyArn")
    if not arn.startswith(POLICY_ARN) or len(arn) == len(POLICY_ARN):
        raise invalid("PolicyArn", f"It is {POLICY_ARN}NAME.")
    return arn.removeprefix(POLICY_ARN)


def page(rows: Sequence[T], name_of: Callable[[T], str], parameters: Parameters) -> tuple[list[T], list[str]]:
    """The rows of one answer, ordered by name, and the elements that say whether there are more.

    Raises ``ARGUMENT_INVALID``.
    """
    size = parameters.get("MaxItems", str(_PAGE))
    if _is_page_size(size) is None or int(size) > PAGE_MAX:
        raise invalid("MaxItems", f"It is a number from 1 to {PAGE_MAX}.")
    marker = parameters.get("Marker", "")
    left = sorted([row for row in rows if name_of(row) > marker], key=name_of)
    shown = left[: int(size)]
    if len(shown) == len(left):
        return shown, [element("IsTruncated", "false")]
    return shown, [element("IsTruncated", "true"), element("Marker", name_of(shown[-1]))]


def members(name: str, rows: Sequence[Sequence[str]]) -> str:
    """A list of structures, each from its elements."""
    return group(name, [group("member", row) for row in rows])
