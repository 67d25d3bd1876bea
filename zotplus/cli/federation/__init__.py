"""Trusts in workloads of other issuers, and the sessions that come of them."""
