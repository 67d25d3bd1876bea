"""Who somebody is and what they may: credentials, roles, grants, registry tokens."""
