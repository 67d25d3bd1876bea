"""A person's login at an OpenID Connect issuer: by browser or by device, kept, renewed, ended."""
