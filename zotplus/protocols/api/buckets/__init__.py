"""The part of the API about buckets: to make and list them, to bound and remove them, to copy what is in them."""
