"""Keeps events on the disk until they have their outcome, over a crash and a restart too."""

from .directory import Directory
from .queue import SpooledQueue
from .spool import Spool

__all__ = ["Directory", "Spool", "SpooledQueue"]
