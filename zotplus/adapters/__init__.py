"""Everything foreign, one folder an engine or peer, unaware of each other: only ``app`` may import them."""
