"""``zotplus keys``: access keys and robot tokens."""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec
from msgspec import UNSET, UnsetType

from zotplus.cli.commands import Group
from zotplus.cli.master_key import rotate_master
from zotplus.cli.options import DURATION, Duration, Remote, json_option, remote_options
from zotplus.cli.output import emit_fields, emit_json, emit_table, human_time
from zotplus.cli.remote.api import segment
from zotplus.cli.remote.naming import with_hint
from zotplus.protocols.api.documents import CreatedKey, GrantDocument, Key, KeyRotation, Keys, NewGrant, NewKey
from zotplus.services.identity.roles import Role, role_policy

POLICY_MAX_BYTES = 65_536
"""Far more than a policy may have; a wrong path is not read into memory."""


class Lifetime(click.ParamType[float]):
    """A time span in seconds, or ``never``: infinite."""

    name = "lifetime"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds; a usage error for anything else."""
        return math.inf if value in ("never", math.inf) else DURATION.convert(value, param, ctx)


LIFETIME = Lifetime()


@click.group(cls=Group)
def keys() -> None:
    """Manage access keys (for S3 clients, and as user and password) and robot tokens."""


@keys.command("list")
@remote_options
@json_option
def list_keys(*, remote: Remote, as_json: bool) -> None:
    """List all keys and robots, without their secrets."""
    found = remote.run(lambda server: server.api.get("/keys", Keys))
    if as_json:
        emit_json(msgspec.to_builtins(found.keys))
        return
    rows = [
        (
            key.id,
            f"{key.kind} (off)" if key.inactive else key.kind,
            key.name,
            *map(human_time, (key.created, key.expires, key.last_used)),
            _scope_of(key),
        )
        for key in found.keys
    ]
    emit_table(("ID", "KIND", "NAME", "CREATED", "EXPIRES", "LAST USED", "SCOPE"), rows)


@keys.command("create")
@click.argument("name")
@click.option("--kind", type=click.Choice(["key", "robot"]), default="key", show_default=True, help="What to create.")
@click.option(
    "--expires", type=LIFETIME, metavar="SPAN", help="Valid for this long (15m, 12h, 90d), or never to expire."
)
@click.option("--scope", type=click.File("rb"), metavar="FILE", help="A policy that narrows what it may; - for input.")
@click.option("--role", type=click.Choice([role.value for role in Role]), help="Grant this role at once.")
@click.option("--on", "pattern", metavar="PATTERN", help="What the role is granted on, such as s3:releases/*.")
@remote_options
@json_option
def create_key(
    *, name: str, kind: Any, role: str | None, pattern: str | None, remote: Remote, as_json: bool, **limits: Any
) -> None:
    """Create a key or robot called NAME. Its secret is shown this once.

    Without --expires it expires after the server's usual time, 90 days unless identity.key_days says otherwise.
    """
    if (role is None) is not (pattern is None):
        raise click.UsageError("--role and --on belong together.")
    if role is not None and pattern is not None:
        role_policy(Role(role), pattern)  # refused before there is a key that was to have it
    wanted = NewKey(name=name, kind=kind, expires=_until(limits["expires"]), scope=_policy(limits["scope"]))
    made = remote.run(lambda server: server.api.post("/keys", wanted, CreatedKey))
    if role is not None and pattern is not None:
        grant = NewGrant(grantee=made.id, role=Role(role), pattern=pattern)
        remote.run(lambda server: server.api.post("/grants", grant, GrantDocument))
    if as_json:
        emit_json(msgspec.to_builtins(made))
        return
    _show_secret(made)


@keys.command("rotate")
@click.argument("id_", metavar="ID")
@click.option(
    "--overlap",
    type=Duration(longest="90d"),
    default="1d",
    show_default=True,
    help="How long the old secret is good too (0s: not), at most 90d.",
)
@remote_options
@json_option
def rotate_key(*, id_: str, overlap: int, remote: Remote, as_json: bool) -> None:
    """Give the key or robot ID a new secret, shown this once.

    A robot keeps its name. A key gets a successor: another id, with the same name, grants, policies and scope; the old
    key expires when the overlap ends.
    """
    wanted = KeyRotation(overlap_seconds=overlap)
    path = f"/keys/{segment(id_)}/rotate"
    made = remote.run(lambda server: with_hint(server.api, id_, server.api.post(path, wanted, CreatedKey)))
    if as_json:
        emit_json(msgspec.to_builtins(made))
        return
    _show_secret(made)


@keys.command("revoke")
@click.argument("id_", metavar="ID")
@remote_options
@json_option
def revoke_key(*, id_: str, remote: Remote, as_json: bool) -> None:
    """Revoke the key or robot ID, with its grants."""
    remote.run(lambda server: with_hint(server.api, id_, server.api.remove(f"/keys/{segment(id_)}")))
    _done(as_json, revoked=id_)


@keys.command("admin")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="The server's configuration file.")
@click.option("--data-dir", help="The server's data folder, instead of the configured one.")
@json_option
def admin_key(*, config_file: Path | None, data_dir: str | None, as_json: bool) -> None:
    """Show the administrator's key. Works only on the server's machine, for whoever may read its data."""
    from zotplus.cli.server import load_settings  # noqa: PLC0415 - the server's own modules take time to import

    settings = load_settings(config_file, {"ZOTPLUS_DATA_DIR": data_dir})
    from zotplus.app import administrator_key  # noqa: PLC0415 - see above

    access_key, secret_key = administrator_key(settings)
    if as_json:
        emit_json({"access_key": access_key, "secret_key": secret_key})
        return
    emit_fields([("access key", access_key), ("secret", secret_key)])


keys.add_command(rotate_master)


def _show_secret(made: CreatedKey) -> None:
    kind = "access key" if made.kind == "key" else "robot"
    emit_fields([(kind, made.id), ("secret", made.secret), ("expires", human_time(made.expires))])
    click.echo("The secret is not shown again.", err=True)


def _until(seconds: float | None) -> datetime | UnsetType | None:
    if seconds is None:
        return UNSET
    return None if seconds == math.inf else datetime.now(UTC) + timedelta(seconds=seconds)


def _policy(file: BinaryIO | None) -> dict[str, Any] | None:
    if file is None:
        return None
    try:
        found = msgspec.json.decode(file.read(POLICY_MAX_BYTES + 1), type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise click.UsageError(f"--scope is no policy in JSON: {error}.") from error
    return found


def _scope_of(key: Key) -> str:
    return "whatever is granted" if key.scope is None else "narrowed"


def _done(as_json: bool, **what: str) -> None:  # noqa: FBT001 - the flag as the command got it
    if as_json:
        emit_json(what)
        return
    for verb, name in what.items():
        click.echo(f"{verb} {name}")
