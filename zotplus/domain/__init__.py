"""Pure values and rules: no I/O, no HTTP, only the standard library, msgspec and checksum arithmetic."""
