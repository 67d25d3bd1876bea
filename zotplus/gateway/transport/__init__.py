"""From the socket to the pipeline and back: aiohttp connections, and the ways in which an answer's bytes are moved."""
