"""Scopes of registry tokens: ``repository:team/app:pull,push`` and ``registry:catalog:*``.

Spec: https://distribution.github.io/distribution/spec/auth/scope/.
"""

from collections.abc import Iterable

from zotplus.domain import errors, names
from zotplus.domain.actions import OCI_CATALOG, OCI_PUSH
from zotplus.domain.errors import Problem
from zotplus.domain.iam import Need
from zotplus.gateway.context import Context
from zotplus.gateway.route import Operation, Route
from zotplus.protocols.oci.operations import SCOPE_ACTIONS, BeginUpload, Catalog, Forwarded, resource
from zotplus.services.tokens.registry_tokens import ACTION_NAMES, Scope

SCOPES_MAX = 64
CATALOG = Scope("registry", "catalog", ("*",))


def parse_scopes(values: Iterable[str]) -> tuple[Scope, ...]:
    """What a client asks for: values may repeat, and one value may hold several scopes with spaces between.

    Scopes of an unknown type and names outside the grammar are left out: less than was asked for is no error.
    Raises ``ARGUMENT_INVALID`` for more than ``SCOPES_MAX``.
    """
    asked = [scope for value in values for scope in value.split(" ", SCOPES_MAX + 1) if scope]
    if len(asked) > SCOPES_MAX:
        raise Problem(errors.ARGUMENT_INVALID, f"At most {SCOPES_MAX} scopes are taken.", argument="scope")
    merged: dict[tuple[str, str], dict[str, None]] = {}
    for text in asked:
        head, _, actions = text.rpartition(":")  # a name may hold a colon (host:port), so actions come from the right
        kind, _, name = head.partition(":")
        if (kind, name) == ("registry", "catalog") or (kind == "repository" and _is_repository(name)):
            merged.setdefault((kind, name), {}).update(dict.fromkeys(filter(None, actions.split(","))))
    return tuple(Scope(kind, name, tuple(actions)) for (kind, name), actions in merged.items())


def allowed(context: Context, asked: Iterable[Scope]) -> tuple[Scope, ...]:
    """What of ``asked`` the caller may do now; scopes of which nothing remains are left out.

    The catalogue is everybody's, for it lists only what its reader may pull.
    """
    granted = (CATALOG if scope.type == "registry" else _within(context, scope) for scope in asked)
    return tuple(scope for scope in granted if scope.actions)


def format_scopes(scopes: Iterable[Scope]) -> str:
    """Scopes as one parameter."""
    return " ".join(f"{scope.type}:{scope.name}:{','.join(scope.actions)}" for scope in scopes)


def scopes_for(route: Route, operation: Operation) -> tuple[Scope, ...]:
    """What a client should ask for to be let through with ``operation``."""
    if isinstance(operation, Catalog):
        return (CATALOG,)
    if not isinstance(operation, Forwarded) or route.action is None:
        return ()
    # a push begins with the HEAD of a blob, and some clients keep the first token that they got
    hint = OCI_PUSH.name if route.name == "HeadBlob" else route.action.name
    own = Scope("repository", operation.address.repository, SCOPE_ACTIONS[hint])
    if isinstance(operation, BeginUpload) and operation.source:
        return (own, Scope("repository", operation.source, ("pull",)))
    return (own,)


def catalog_need() -> Need:
    """Leave to see the catalogue, as a token's scope covers it."""
    return Need(OCI_CATALOG.name, "registry")


def _within(context: Context, scope: Scope) -> Scope:
    wanted = tuple(ACTION_NAMES) if "*" in scope.actions else scope.actions
    known = (action for action in wanted if action in ACTION_NAMES)
    may = tuple(action for action in known if context.may(Need(ACTION_NAMES[action], resource(scope.name))))
    return Scope(scope.type, scope.name, may)


def _is_repository(name: str) -> bool:
    try:
        names.check_repository_name(name)
    except Problem:
        return False
    return True
