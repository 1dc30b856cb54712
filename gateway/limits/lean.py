"""The Redis client, without the library with which it would tell of itself: ten megabytes, where it is installed."""

from shared import lean

lean.load("redis.asyncio", without="opentelemetry")
