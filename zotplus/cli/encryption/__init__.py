"""``zotplus kms``: the keys of encryption."""
