"""The process model: a supervisor without an event loop, workers that share the ports, a janitor, a managed Zot."""

from zotplus.serve.start import serve

__all__ = ["serve"]
