"""Uploads by HTML forms: read, who signed them, and what is answered."""
