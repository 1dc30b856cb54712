"""Buckets: values by key that all processes share for a while."""

import nats.js.errors
from nats.js import JetStreamContext
from nats.js.api import KeyValueConfig
from nats.js.client import KV_STREAM_TEMPLATE
from nats.js.kv import KeyValue

from shared.bus.messages import AWAY
from shared.faults import Code, Fault
from shared.settings import Settings


class Buckets:
    def __init__(self, stream: JetStreamContext, settings: Settings) -> None:
        self._stream = stream
        self._settings = settings

    async def keep_first(self, bucket: str, key: str, value: bytes, seconds: float) -> bytes:
        try:
            store = await self._bucket(bucket, seconds)
            try:
                await store.create(key, value)
            except nats.js.errors.KeyWrongLastSequenceError:
                value = (await store.get(key)).value or value
        except AWAY as error:
            raise Fault(Code.UNAVAILABLE, f"The bucket {bucket} cannot be reached right now: {error}") from error
        return value

    async def _bucket(self, bucket: str, seconds: float) -> KeyValue:
        try:
            return await self._stream.create_key_value(
                KeyValueConfig(bucket=bucket, history=1, ttl=seconds, replicas=self._settings.stream_replicas)
            )
        except nats.js.errors.BadRequestError:
            # Made by another version, which kept its values for another time.
            info = await self._stream.stream_info(KV_STREAM_TEMPLATE.format(bucket=bucket))
            window = min(info.config.duplicate_window or seconds, seconds)
            await self._stream.update_stream(info.config.evolve(max_age=seconds, duplicate_window=window))
            return await self._stream.key_value(bucket)
