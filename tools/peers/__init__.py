"""Installs the real programs that the tests drive, and says where each one is.

``make peers`` runs this with nothing but the standard library. Programs go to a cache outside the checkout:
``$ZOTPLUS_PEERS``, or ``$XDG_CACHE_HOME/zotplus/peers``, or ``~/.cache/zotplus/peers``; ``bin/`` in it holds one entry
per program. One stamp per program and version makes a second run instant. A program that cannot be had is reported and
is no failure: its tests skip with the reason that `why_missing` gives. ``programs.py`` has the tables.

Tests ask from Python (the repository root is on pytest's path), scripts from the shell::

    from tools.peers import find, why_missing       # find("crane") -> Path | None
    python3 -m tools.peers --which crane            # prints the path, or the reason and exit status 1

Every program runs as a separate process that talks over sockets or files, so its licence does not reach this project.
Zot and terraform are looked for (``$ZOTPLUS_ZOT``, ``$ZOTPLUS_TERRAFORM``, then PATH) and never built.
"""

from tools.peers.cache import cache, find, why_missing

__all__ = ["cache", "find", "why_missing"]
