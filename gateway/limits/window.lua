-- One decision over several rolling windows: all of them count the call, or none does.
--
-- KEYS     one hash for each layer
-- ARGV     now in Unix milliseconds or '' for the server's own clock, then a limit and a bucket's milliseconds per layer
-- returns  allowed (1 or 0), the layer to show (from 1), its remaining calls, its reset and now (Unix milliseconds)
--
-- A window is 60 buckets wide. The call falls into the middle of a bucket, so the window reaches into a 61st one, and
-- all 61 are counted whole: that is what keeps every rolling window within its limit.
-- A hash holds `total`, `oldest` and `newest` (bucket numbers), a count under each bucket's number, and under '>' and
-- that number the next bucket in use, so that each bucket is stepped over once and never searched for.
local BUCKETS = 60

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local function open(key, limit, width)
  local bucket = math.floor(now / width)
  local held = redis.call('HMGET', key, 'total', 'oldest', 'newest', bucket)
  local counter = { key = key, limit = limit, width = width, bucket = bucket, total = tonumber(held[1]) or 0 }
  if counter.total == 0 then return counter end

  counter.oldest, counter.newest, counter.count = tonumber(held[2]), tonumber(held[3]), tonumber(held[4])
  -- A clock that was put back goes on counting in the newest bucket; one that was a whole window ahead had been wrong.
  if counter.newest > bucket + BUCKETS then
    redis.call('DEL', key)
    counter.total, counter.count = 0, nil
    return counter
  elseif counter.newest > bucket then
    counter.bucket = counter.newest
    counter.count = tonumber(redis.call('HGET', key, counter.newest))
  end

  local oldest = counter.oldest
  while counter.total > 0 and counter.oldest < counter.bucket - BUCKETS do
    local left = redis.call('HMGET', key, counter.oldest, '>' .. counter.oldest)
    redis.call('HDEL', key, counter.oldest, '>' .. counter.oldest)
    counter.total, counter.oldest = counter.total - left[1], tonumber(left[2])
  end
  if counter.total == 0 then
    redis.call('DEL', key)
  elseif counter.oldest > oldest then
    redis.call('HSET', key, 'total', counter.total, 'oldest', counter.oldest)
  end
  return counter
end

-- When so many calls have left a full window that one more fits. The limit may have been lowered in the meantime, so
-- the oldest bucket alone need not be enough.
local function frees_at(counter)
  local bucket, total = counter.oldest, counter.total
  while true do
    local held = redis.call('HMGET', counter.key, bucket, '>' .. bucket)
    total = total - held[1]
    if total < counter.limit then return (bucket + BUCKETS + 1) * counter.width end
    bucket = tonumber(held[2])
  end
end

local function count(counter)
  local key, bucket = counter.key, counter.bucket
  local total = counter.total + 1
  if counter.count then
    redis.call('HSET', key, 'total', total, bucket, counter.count + 1)
  else
    if counter.total == 0 then
      counter.oldest = bucket
      redis.call('HSET', key, 'total', total, 'oldest', bucket, 'newest', bucket, bucket, 1)
    else
      redis.call('HSET', key, 'total', total, 'newest', bucket, bucket, 1, '>' .. counter.newest, bucket)
    end
    redis.call('PEXPIRE', key, (BUCKETS + 2) * counter.width)
  end
  return counter.limit - total, (counter.oldest + BUCKETS + 1) * counter.width
end

local counters = {}
local shown, reset = 0, -1
for i, key in ipairs(KEYS) do
  local counter = open(key, tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1]))
  counters[i] = counter
  if counter.total >= counter.limit then
    local at = frees_at(counter)
    if at > reset then shown, reset = i, at end
  end
end
if shown > 0 then return { 0, shown, 0, reset, now } end

local remaining
for i, counter in ipairs(counters) do
  local left, at = count(counter)
  -- Among equally tight layers the last to move decides, so that a call at its reset meets no other full layer.
  if not remaining or left < remaining or (left == remaining and at > reset) then
    shown, remaining, reset = i, left, at
  end
end
return { 1, shown, remaining, reset, now }
