"""Commands about who may do what: grants, and the gateway's own tokens."""
