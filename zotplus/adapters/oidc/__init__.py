"""Tokens of OpenID Connect issuers: keys fetched and kept, tokens verified."""
