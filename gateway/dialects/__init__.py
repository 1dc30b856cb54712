"""The public APIs. They differ in names, envelopes and error words, and agree in meaning."""

from gateway.dialects.use import USE
from gateway.dialects.v1 import V1

DIALECTS = (V1, USE)
