"""Answers that do not end."""

from gateway.streaming.flow import Flow, Stream, begin
from gateway.streaming.places import Places

__all__ = ["Flow", "Places", "Stream", "begin"]
