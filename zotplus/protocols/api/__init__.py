"""The administration API under ``/api/v1``: JSON in and out, RFC 9457 problems, its own OpenAPI document."""

from zotplus.protocols.api.face import ApiFace

__all__ = ["ApiFace"]
