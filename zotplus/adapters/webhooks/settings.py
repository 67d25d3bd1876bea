"""Settings ``events``: who can be told of what happens to objects, and with how much patience."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from zotplus.adapters.webhooks.addresses import Reach, is_within, literal

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1_024)]


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One endpoint. Owners of buckets name it; only these settings say where it is."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    """What notification configurations call it: ``arn:zotplus:webhook:::<name>``. Letters, digits, hyphens and
    underscores."""

    url: Annotated[str, msgspec.Meta(min_length=8, max_length=2_048)]
    """Where events are posted (``https://hooks.example.org/objects``). It may have a path and a query, but no
    credentials: logs and errors show it. Redirects are not followed."""

    format: Literal["s3", "cloudevents"] = "s3"
    """``s3`` posts Amazon's event message (``{"Records": […]}``), which consumers of MinIO and Amazon know;
    ``cloudevents`` a structured CloudEvent 1.0 with the same record as its data."""

    secret_file: Text | None = None
    """File with the secret that signs what is sent, as Standard Webhooks describes (``webhook-signature``): at least 24
    characters, or ``whsec_`` and base64. It must not be readable by every user. None by default, and then nothing is
    signed: the endpoint cannot know who calls. Read at the start."""

    authorization_file: Text | None = None
    """File with the value of an ``Authorization`` header (``Bearer …``) to send. It must not be readable by every user.
    None by default. Read at the start."""

    reach: Reach = "public"
    """Addresses that the endpoint may have: ``public``, the internet; ``private``, also networks of one's own, where
    services of the same cluster are; ``local``, also this machine. ``public`` by default, because a name in others'
    hands could otherwise lead into the own network. Link-local addresses, where clouds keep their metadata, are refused
    always. Without TLS (``http://``) an endpoint must not be ``public``."""

    ca_file: Text | None = None
    """File with certificates (PEM) of the authority that signed the endpoint's. None by default: the system's."""

    timeout: Annotated[float, msgspec.Meta(gt=0, le=300)] = 10.0
    """Seconds for one attempt, from the name's resolution to the answer. An endpoint that works longer should answer
    first."""

    concurrency: Annotated[int, msgspec.Meta(ge=1, le=64)] = 8
    """Keys that are told about at once. Events of one key always come one after the other. 8 keeps an endpoint at
    50 ms an answer at 160 events a second."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        _ = parts.port  # raises ValueError outside 0 to 65535
        # Other letters than ASCII's could turn into an address when a name is made of them.
        plain = self.url.isascii() and self.url.isprintable() and " " not in self.url
        if parts.scheme not in {"http", "https"} or not parts.hostname or not plain:
            raise ValueError("a webhook's url is https://host[:port][/path]")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise ValueError("a webhook's url has no credentials and no fragment; see authorization_file")
        if parts.scheme == "http" and self.reach == "public":
            raise ValueError("a webhook on the internet is called by https; see reach")
        address = literal(parts.hostname)
        if address is not None and not is_within(address, self.reach):
            raise ValueError(f"the webhook's address {address} is not within reach: {self.reach}")


class EventSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Events of objects: to whom they can be told, and how often that is tried."""

    webhooks: Annotated[tuple[WebhookSettings, ...], msgspec.Meta(max_length=256)] = ()
    """Endpoints that buckets' notification configurations can name. None by default; in the environment a JSON
    list. Restart after a change."""

    attempts: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 16
    """Attempts to deliver an event before it becomes a dead letter. 16 last about five hours with the pauses below."""

    max_age: Annotated[float, msgspec.Meta(gt=0, le=86_400 * 30)] = 86_400.0
    """Seconds after which an event that fails again becomes a dead letter. A day: an endpoint that is down over
    night misses nothing."""

    first_pause: Annotated[float, msgspec.Meta(gt=0, le=3_600)] = 1.0
    """Seconds before the second attempt. Doubled after each failure, and shortened by up to half at random so that not
    all come back at once."""

    longest_pause: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 3_600.0
    """Seconds between two attempts at most. An endpoint where everything fails is tried once a minute all the same."""

    dead_letter_age: Annotated[float, msgspec.Meta(gt=0, le=86_400 * 365)] = 86_400 * 14.0
    """Seconds that dead letters are kept. Two weeks, in which somebody looks."""

    def __post_init__(self) -> None:
        if len({one.name for one in self.webhooks}) != len(self.webhooks):
            raise ValueError("every webhook has a name of its own")
