"""Identities without secrets: trusts in workloads, the exchange of their tokens, and sessions."""
