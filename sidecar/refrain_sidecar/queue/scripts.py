"""What the server does in one step, in Lua: whole or not at all, whoever is killed meanwhile.

Whose a job is, the server knows: it is pending (in the sense of its streams) with one consumer. A
worker that was taken for dead and wakes up is told no by whatever it asks for its job.
"""

from __future__ import annotations

import hashlib
from typing import Final

from attrs import field, frozen


@frozen
class Script:
    """A Lua script and the digest that the server knows it by."""

    text: str
    sha: str = field(init=False)

    @sha.default
    def _sha(self) -> str:
        return hashlib.sha1(self.text.encode()).hexdigest()  # what EVALSHA asks for


_MINE = """
local function mine(jobs, group, entry, me)
  return redis.call('XPENDING', jobs, group, entry, entry, 1, me)[1]
end
local function fields_of(stream, entry)
  local found = redis.call('XRANGE', stream, entry, entry)[1]
  if not found then return nil end
  local fields = {}
  for i = 1, #found[2], 2 do fields[found[2][i]] = found[2][i + 1] end
  return fields
end
"""

# Puts jobs in, unless they are there already. A job's place is in the hash of ids; whoever emptied
# the stream by hand left that behind.
# KEYS jobs ids dead result…  ARGV limit (id body seal)…
# Returns for each: added, held, done, full, or `dead:` and why.
SUBMIT: Final = Script(
    _MINE
    + """
local jobs, ids, dead = KEYS[1], KEYS[2], KEYS[3]
local length, told = redis.call('XLEN', jobs), {}
for i = 1, #KEYS - 3 do
  local id, body, seal = ARGV[3 * i - 1], ARGV[3 * i], ARGV[3 * i + 1]
  local place = redis.call('HGET', ids, id)
  local buried = place and string.match(place, '^dead:(.+)$')
  local letter = buried and fields_of(dead, buried)
  if redis.call('EXISTS', KEYS[3 + i]) == 1 then told[i] = 'done'
  elseif letter then told[i] = 'dead:' .. letter.reason
  elseif place and not buried and fields_of(jobs, place) then told[i] = 'held'
  elseif length >= tonumber(ARGV[1]) then told[i] = 'full'
  else
    local entry = redis.call('XADD', jobs, '*', 'id', id, 'job', body, 'seal', seal)
    redis.call('HSET', ids, id, entry)
    length, told[i] = length + 1, 'added'
  end
end
return told
"""
)

# Gives one job: what is ours by a reply that never came, else what its worker lets lie, else a new
# one. A body over the limit stays where it is.
# KEYS jobs since  ARGV group me stale_ms limit
# Returns entry, attempt, size (-1: no body), body, seal; or nothing.
TAKE: Final = Script(
    _MINE
    + """
local jobs, since, group, me = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local entry
local own = redis.call('XPENDING', jobs, group, '-', '+', 1, me)[1]
if own then entry = redis.call('XCLAIM', jobs, group, me, 0, own[1], 'JUSTID')[1] end
while not entry do
  local left = redis.call('XPENDING', jobs, group, 'IDLE', ARGV[3], '-', '+', 1)[1]
  if not left then break end
  local claimed = redis.call('XCLAIM', jobs, group, me, 0, left[1])[1]
  entry = claimed and claimed[1]
end
if not entry then
  local new = redis.call('XREADGROUP', 'GROUP', group, me, 'COUNT', 1, 'STREAMS', jobs, '>')
  if not new then return false end
  entry = new[1][2][1][1]
end
redis.call('HSET', since, entry, redis.call('TIME')[1])
local fields = fields_of(jobs, entry)
local body = fields.job or ''
local size = fields.job and #body or -1
if size > tonumber(ARGV[4]) then body = '' end
return {entry, mine(jobs, group, entry, me)[4], size, body, fields.seal or ''}
"""
)

# KEYS jobs  ARGV group me entry
RENEW: Final = Script(
    _MINE
    + """
if not mine(KEYS[1], ARGV[1], ARGV[3], ARGV[2]) then return 0 end
return #redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'JUSTID')
"""
)

# KEYS jobs since ids counts finished result  ARGV group me entry id result ttl_ms kept
FINISH: Final = Script(
    _MINE
    + """
local jobs, entry, id = KEYS[1], ARGV[3], ARGV[4]
if not mine(jobs, ARGV[1], entry, ARGV[2]) then return 0 end
redis.call('SET', KEYS[6], ARGV[5], 'PX', ARGV[6])
redis.call('XACK', jobs, ARGV[1], entry)
redis.call('XDEL', jobs, entry)
redis.call('HDEL', KEYS[2], entry)
if redis.call('HGET', KEYS[3], id) == entry then redis.call('HDEL', KEYS[3], id) end
redis.call('HINCRBY', KEYS[4], 'done', 1)
redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[7], '*', 'id', id)
return 1
"""
)

# KEYS jobs since ids counts finished dead  ARGV group me entry id reason kept limit
BURY: Final = Script(
    _MINE
    + """
local jobs, entry, id = KEYS[1], ARGV[3], ARGV[4]
local pending = mine(jobs, ARGV[1], entry, ARGV[2])
if not pending then return 0 end
local fields = fields_of(jobs, entry)
local body = string.sub(fields.job or '', 1, tonumber(ARGV[7]))
local letter = redis.call('XADD', KEYS[6], '*', 'id', id, 'job', body,
  'seal', string.sub(fields.seal or '', 1, 64), 'reason', ARGV[5], 'attempts', pending[4])
redis.call('XACK', jobs, ARGV[1], entry)
redis.call('XDEL', jobs, entry)
redis.call('HDEL', KEYS[2], entry)
redis.call('HSET', KEYS[3], id, 'dead:' .. letter)
redis.call('HINCRBY', KEYS[4], 'buried', 1)
redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[6], '*', 'id', id)
return 1
"""
)

# Lets go of a job: to be taken once it has lain for as long as a stale one, of which idle_ms are
# over. `attempts` is 0 or 1: how many of the tries that were counted are taken back.
# KEYS jobs since  ARGV group me entry idle_ms attempts
GIVE_BACK: Final = Script(
    _MINE
    + """
local jobs, group, entry = KEYS[1], ARGV[1], ARGV[3]
local pending = mine(jobs, group, entry, ARGV[2])
if not pending then return 0 end
redis.call('XCLAIM', jobs, group, '-', 0, entry, 'IDLE', ARGV[4],
  'RETRYCOUNT', math.max(0, pending[4] - ARGV[5]), 'JUSTID')
redis.call('HDEL', KEYS[2], entry)
return 1
"""
)

# Gives back what these consumers hold, as if not taken, and forgets them; and those not heard of
# for `forgotten_ms` that hold nothing.
# KEYS jobs since  ARGV group stale_ms forgotten_ms me…   Returns how many were given back.
LEAVE: Final = Script("""
local jobs, group, own, given = KEYS[1], ARGV[1], {}, 0
for i = 4, #ARGV do
  own[ARGV[i]] = true
  for _, held in ipairs(redis.call('XPENDING', jobs, group, '-', '+', 100, ARGV[i])) do
    redis.call('XCLAIM', jobs, group, '-', 0, held[1], 'IDLE', ARGV[2],
      'RETRYCOUNT', math.max(0, held[4] - 1), 'JUSTID')
    redis.call('HDEL', KEYS[2], held[1])
    given = given + 1
  end
end
for _, told in ipairs(redis.call('XINFO', 'CONSUMERS', jobs, group)) do
  local consumer = {}
  for i = 1, #told, 2 do consumer[told[i]] = told[i + 1] end
  if consumer.pending == 0 and (own[consumer.name] or consumer.idle > tonumber(ARGV[3])) then
    redis.call('XGROUP', 'DELCONSUMER', jobs, group, consumer.name)
  end
end
return given
""")

# Puts dead letters back among the jobs, to be tried as if they were new.
# KEYS jobs ids dead  ARGV letter…   Returns how many were there.
RETRY: Final = Script(
    _MINE
    + """
local done = 0
for _, letter in ipairs(ARGV) do
  local fields = fields_of(KEYS[3], letter)
  if fields then
    local entry = redis.call('XADD', KEYS[1], '*',
      'id', fields.id, 'job', fields.job, 'seal', fields.seal)
    redis.call('HSET', KEYS[2], fields.id, entry)
    done = done + redis.call('XDEL', KEYS[3], letter)
  end
end
return done
"""
)

# KEYS ids dead  ARGV letter…   Returns how many were there.
DROP: Final = Script(
    _MINE
    + """
local done = 0
for _, letter in ipairs(ARGV) do
  local fields = fields_of(KEYS[2], letter)
  if fields then
    redis.call('HDEL', KEYS[1], fields.id)
    done = done + redis.call('XDEL', KEYS[2], letter)
  end
end
return done
"""
)

# Takes out jobs that nobody is at, of one page.
# KEYS jobs ids since  ARGV group start count   Returns how many, and where the next page starts.
CALL_OFF: Final = Script("""
local jobs, done, last = KEYS[1], 0, ''
for _, message in ipairs(redis.call('XRANGE', jobs, ARGV[2], '+', 'COUNT', ARGV[3])) do
  local entry, id = message[1], ''
  for i = 1, #message[2], 2 do if message[2][i] == 'id' then id = message[2][i + 1] end end
  if redis.call('HEXISTS', KEYS[3], entry) == 0 then
    redis.call('XACK', jobs, ARGV[1], entry)
    if redis.call('HGET', KEYS[2], id) == entry then redis.call('HDEL', KEYS[2], id) end
    done = done + redis.call('XDEL', jobs, entry)
  end
  last = '(' .. entry
end
return {done, last}
""")
