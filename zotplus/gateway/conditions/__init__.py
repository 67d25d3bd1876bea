"""Condition keys of a request: what its head tells, and what has to be looked up of the object."""
