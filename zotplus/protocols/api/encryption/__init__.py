"""The keys of encryption: list, create, rotate, disable, and wrap anew."""
