"""What every service is made of: handlers for its questions, listeners for others' facts, and a process around them."""

from shared.service.handlers import Handler, read, whole, write
from shared.service.instance import Service
from shared.service.listeners import Listener, listen
from shared.service.process import Background, Probe, main

__all__ = ["Background", "Handler", "Listener", "Probe", "Service", "listen", "main", "read", "whole", "write"]
