"""Configuration: one YAML file and the environment into the structs that each package declares."""

from zotplus.settings.loading import load
from zotplus.settings.sections import Settings

__all__ = ["Settings", "load"]
