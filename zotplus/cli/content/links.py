"""``zotplus presign``: links and forms for those who have no credentials."""

import re
from typing import Any

import click
import msgspec

from zotplus.cli.options import Duration, Remote, json_option, remote_options
from zotplus.cli.output import emit_json, remark
from zotplus.cli.remote import addresses
from zotplus.domain.signatures.links import METHODS, Link, UploadForm

LONGEST = "7d"
"""Amazon S3 User Guide, "Sharing objects with presigned URLs"."""
_UNITS = {"": 1, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "KB": 1000, "MB": 10**6, "GB": 10**9}
_size = re.compile(r"(\d{1,12})(|KiB|MiB|GiB|KB|MB|GB)", re.IGNORECASE).fullmatch


class Size(click.ParamType[int]):
    """A number of bytes like ``1000``, ``10MiB`` or ``2GB``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The bytes; a usage error for anything else."""
        found = _size(str(value))
        if found is None:
            self.fail(f"{value!r} is no size like 1000, 10MiB or 2GB.", param, ctx)
        return int(found[1]) * _UNITS[found[2].upper()]


@click.command("presign")
@click.argument("address")
@click.option(
    "--expires", type=Duration("1s", LONGEST), default="1h", show_default=True, help="Valid for this long, at most 7d."
)
@click.option("--method", type=click.Choice(METHODS), default="GET", show_default=True)
@click.option("--version-id", default="", metavar="ID", help="This version of the object.")
@click.option("--content-type", default="", metavar="TYPE", help="What a download says to be; what an upload must be.")
@click.option("--filename", default="", metavar="NAME", help="Have a browser store the download under this name.")
@click.option("--form", "as_form", is_flag=True, help="Print the address and fields of an upload form, as JSON.")
@click.option(
    "--max-size", type=Size(), default="5GiB", show_default=True, help="The largest file that the form takes."
)
@remote_options
@json_option
def presign(*, address: str, as_form: bool, remote: Remote, as_json: bool, **given: Any) -> None:
    """Make a link to ADDRESS that works without credentials until it expires. The server is not asked.

    What is made with the session of a login ends with the session. With --form ADDRESS may be a folder (s3://bucket/a/):
    files are uploaded below it under their own names.
    """
    if as_form:
        _print_form(address, remote, given)
        return
    place = addresses.parse(address, key_needed=True)
    link = Link(
        method=given["method"],
        bucket=place.bucket,
        key=place.key,
        version_id=given["version_id"],
        content_type=given["content_type"],
        filename=given["filename"],
    )
    expires = given["expires"]
    url = remote.run(lambda server: server.s3.presign(link, expires))
    if as_json:
        emit_json({"url": url, "method": link.method, "expires_in": expires})
    else:
        if link.content_type and link.method == "PUT":
            remark(f"Send it with the header Content-Type: {link.content_type}.")
        click.echo(url)


def _print_form(address: str, remote: Remote, given: dict[str, Any]) -> None:
    if given["version_id"] or given["filename"] or given["method"] != "GET":
        raise click.UsageError("--form goes with --expires, --content-type and --max-size only.")
    place = addresses.parse(address)
    form = UploadForm(
        bucket=place.bucket, key=place.key, max_size=given["max_size"], content_type=given["content_type"]
    )
    made = remote.run(lambda server: server.s3.presign_form(form, given["expires"]))
    emit_json(msgspec.structs.asdict(made))
