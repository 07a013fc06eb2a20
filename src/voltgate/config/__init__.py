"""The configuration: one TOML file, checked whole, into one frozen model."""

from voltgate.config.loading import Loaded, candidates, find, judged, load, read
from voltgate.config.model import Config
from voltgate.config.problems import ConfigErrors, Problem

__all__ = ["Config", "ConfigErrors", "Loaded", "Problem", "candidates", "find", "judged", "load", "read"]
