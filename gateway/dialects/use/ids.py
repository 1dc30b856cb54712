"""Ids as this API spells them."""

from typing import Annotated

from msgspec import Meta

LINK = "lnk_"
LINK_PATTERN = r"^lnk_[0-9A-Za-z]{22}$"

LinkId = Annotated[str, Meta(pattern=LINK_PATTERN, examples=["lnk_02FvM8kQ7yZtLw3RbXc5Na"])]
