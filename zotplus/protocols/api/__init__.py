"""The administration API under ``/api/v1``: JSON in and out, RFC 9457 problems, its own OpenAPI document.

Nothing is imported here, so that clients can read ``documents`` without the server's parts.
"""
