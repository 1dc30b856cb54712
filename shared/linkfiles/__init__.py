"""Files of links: what Waypost and other systems of the kind export, read as entries to be imported."""

from shared.linkfiles.entry import Entry, Problem
from shared.linkfiles.formats import NAMES
from shared.linkfiles.reading import Reading, UnreadableFile, open_file

__all__ = ["NAMES", "Entry", "Problem", "Reading", "UnreadableFile", "open_file"]
