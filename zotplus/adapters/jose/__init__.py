"""Token signing with joserfc."""
