"""Policies in the administration API: managing them, and asking what they decide.

Nothing is imported here, so that clients can read ``documents`` without the server's parts.
"""
