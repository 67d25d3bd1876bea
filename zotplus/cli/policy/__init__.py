"""``zotplus policy``, ``can`` and ``why``: policies by hand and from files, and what they decide."""
