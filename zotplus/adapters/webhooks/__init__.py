"""Endpoints of others that are told of events by HTTP."""
