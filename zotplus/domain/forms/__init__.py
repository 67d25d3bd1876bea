"""Uploads of HTML forms: their encoding, and the policies that say what may be uploaded with them."""
