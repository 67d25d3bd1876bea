"""The gateway's own tokens: signed, published, ended before their time."""
