"""Ids as this API spells them."""

from typing import Annotated

from msgspec import Meta

LINK = "lnk_"

LinkId = Annotated[str, Meta(pattern="^lnk_[0-9A-Za-z]{22}$", examples=["lnk_02FvM8kQ7yZtLw3RbXc5Na"])]
