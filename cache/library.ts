// The part of the protocol that runs inside Redis: what is decided about an entry is decided there, in one atomic step.
import { createHash } from "node:crypto";

/*
 * A shard is a set of keys in one hash slot:
 *   marks   a hash: "@" epoch, "!" there when caching is switched off, "*" invalidated patterns, "#tag" -> sequence of its last invalidation
 *   entry   "epoch sequence end #tag #tag\n" and the value's envelope; it ends at `end`, in ms of the server's clock
 *   lease   the token of the one that loads the value
 * The epoch is known to this very server process, in `states`, which is neither replicated nor saved. Where it differs from the one
 * in the data, the data came by way of another server (failover, restart, restored file) and may lack invalidations: a new epoch begins.
 * Sequences count within an epoch. An entry is good while no invalidation that covers it has a higher sequence than its load began with.
 */
const code = `
local states = {}
local day = 86400000

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function begin(key, nonce, off)
  redis.call('DEL', key)
  redis.call('HSET', key, '@', nonce)
  if off then redis.call('HSET', key, '!', off) end
end

-- The shard's state, its switch and its patterns.
local function open(key, nonce)
  local found = redis.call('HMGET', key, '@', '!', '*')
  local state = states[key]
  if state and found[1] == state.epoch then return state, found[2], found[3] end
  local off = found[2] or (state and state.off) or false
  begin(key, nonce, off)
  state = { epoch = nonce, sequence = 0, off = off, born = clock(), count = 0, members = {}, ages = {}, cursor = '0' }
  states[key] = state
  return state, off, false
end

-- "a:*:c|d" covers "a:b:c": whole segments, with alternatives. "**" covers everything.
local function covers(pattern, name)
  if pattern == '**' then return true end
  local segments, at = {}, 0
  for segment in string.gmatch(name, '[^:]+') do segments[#segments + 1] = segment end
  for part in string.gmatch(pattern, '[^:]+') do
    at = at + 1
    local found = part == '*' and segments[at] ~= nil
    for one in string.gmatch(part, '[^|]+') do found = found or one == segments[at] end
    if not found then return false end
  end
  return at == #segments
end

-- Whether nothing that covers the entry was invalidated after the sequence.
local function holds(marks, entry, patterns, sequence, tags)
  if tags ~= '' then
    local wanted = {}
    for tag in string.gmatch(tags, '%S+') do wanted[#wanted + 1] = tag end
    -- Lua does not take any number of arguments at a time.
    for from = 1, #wanted, 1000 do
      for _, mark in ipairs(redis.call('HMGET', marks, unpack(wanted, from, math.min(from + 999, #wanted)))) do
        if mark and tonumber(mark) > sequence then return false end
      end
    end
  end
  if patterns then
    local name = string.match(entry, '}:e:(.*)$')
    for at, pattern in string.gmatch(patterns, '(%d+) (%S+)\\n') do
      if tonumber(at) <= sequence then break end
      if covers(pattern, name) then return false end
    end
  end
  return true
end

-- keys: marks entry lease; args: nonce token lease-ms mode old-end. 0 miss, 1 value and what is left of it, 2 lease granted, 3 lease is held, 4 off
local function fetch(keys, args)
  local state, off, patterns = open(keys[1], args[1])
  if off then return { 4 } end
  local value = redis.call('GET', keys[2])
  if value then
    local line = string.find(value, '\\n', 1, true) or 1
    local epoch, sequence, last, tags = string.match(string.sub(value, 1, line - 1), '^(%S+) (%d+) (%d+) ?(.*)$')
    if epoch ~= state.epoch or not holds(keys[1], keys[2], patterns, tonumber(sequence), tags) then
      redis.call('UNLINK', keys[2])
    elseif args[4] ~= 'refresh' or last ~= args[5] then
      return { 1, value, redis.call('PTTL', keys[2]) }
    end
  end
  if args[4] == 'get' then return { 0 } end
  if redis.call('SET', keys[3], args[2], 'NX', 'PX', args[3]) then return { 2, state.epoch, state.sequence } end
  return { 3, redis.call('PTTL', keys[3]) }
end

-- keys: marks entry lease; args: nonce token epoch sequence ttl-ms tags envelope. Its end when it was stored, else 0
local function store(keys, args)
  local state, off, patterns = open(keys[1], args[1])
  if redis.call('GET', keys[3]) ~= args[2] then return 0 end
  redis.call('DEL', keys[3])
  if off or state.epoch ~= args[3] or not holds(keys[1], keys[2], patterns, tonumber(args[4]), args[6]) then return 0 end
  local last = clock() + tonumber(args[5])
  redis.call('SET', keys[2], args[3] .. ' ' .. args[4] .. ' ' .. string.format('%.0f', last) .. ' ' .. args[6] .. '\\n' .. args[7], 'PX', args[5])
  return last
end

-- The lease for a value that its writer brings: what is there goes, loads in flight are too late, and 'store' follows. What comes
-- behind its time finds that lease gone. keys: marks entry lease; args: nonce token lease-ms. As fetch
local function claim(keys, args)
  local state, off = open(keys[1], args[1])
  redis.call('UNLINK', keys[2])
  if off then return { 4 } end
  redis.call('SET', keys[3], args[2], 'PX', args[3])
  return { 2, state.epoch, state.sequence }
end

-- Keeps the lease, or with 0 ms gives it back. keys: lease; args: token lease-ms
local function hold(keys, args)
  if redis.call('GET', keys[1]) ~= args[1] then return 0 end
  if args[2] == '0' then return redis.call('DEL', keys[1]) end
  return redis.call('PEXPIRE', keys[1], args[2])
end

-- Marks older than the oldest entry that can be are taken away, a few at each invalidation.
local function tidy(marks, state)
  local now, ages = clock(), state.ages
  if #ages == 0 or now - ages[#ages].at > 60000 then ages[#ages + 1] = { at = now, sequence = state.sequence } end
  while #ages > 1 and ages[2].at < now - day do table.remove(ages, 1) end
  if ages[1].at >= now - day then return end
  local page = redis.call('HSCAN', marks, state.cursor, 'COUNT', 10)
  state.cursor = page[1]
  for index = 1, #page[2], 2 do
    local field = page[2][index]
    if string.sub(field, 1, 1) == '#' and tonumber(page[2][index + 1]) <= ages[1].sequence then redis.call('HDEL', marks, field) end
  end
end

-- Tells every process, and returns the announcement's name and those that may hold values of their own, with the ms for which they may. Nobody knows whom
-- an earlier server granted a lease: after a start all of them may, for as long as a lease lasts.
local function announce(state, channel, message, lease)
  if channel == '' then return {} end
  state.count = state.count + 1
  redis.call('PUBLISH', channel, string.format('%d', state.count) .. ' ' .. state.epoch .. ' ' .. string.format('%d', state.sequence) .. ' ' .. message)
  local now = clock()
  local answer = { string.format('%d ', state.count) .. state.epoch, math.max(0, state.born + lease - now) }
  for member, until_ in pairs(state.members) do
    if until_ > now then
      answer[#answer + 1] = member
      answer[#answer + 1] = until_ - now
    else
      state.members[member] = nil
    end
  end
  return answer
end

-- keys: marks, then entries and leases; args: nonce channel message lease-ms tag-count tags… patterns…
local function invalidate(keys, args)
  local state, off, patterns = open(keys[1], args[1])
  for index = 2, #keys do redis.call('UNLINK', keys[index]) end
  local tags = tonumber(args[5])
  if #args > 5 then
    state.sequence = state.sequence + 1
    local sequence = string.format('%d', state.sequence)
    for index = 6, 5 + tags do redis.call('HSET', keys[1], args[index], sequence) end
    if #args > 5 + tags then
      local lines = {}
      for index = 6 + tags, #args do lines[#lines + 1] = sequence .. ' ' .. args[index] .. '\\n' end
      for line in string.gmatch(patterns or '', '[^\\n]+\\n') do
        if #lines < 64 then
          lines[#lines + 1] = line
        else
          -- What the forgotten ones cover is not known any more: everything as old as they.
          lines[#lines + 1] = string.match(line, '^%d+') .. ' **\\n'
          break
        end
      end
      redis.call('HSET', keys[1], '*', table.concat(lines))
    end
    tidy(keys[1], state)
  end
  return announce(state, args[2], args[3], tonumber(args[4]))
end

-- Takes entries away that an epoch or a pattern has made invalid; those that were stored since stay. keys: marks, then entries; args: nonce
local function sweep(keys, args)
  local state, _, patterns = open(keys[1], args[1])
  for index = 2, #keys do
    local epoch, sequence = string.match(redis.call('GETRANGE', keys[index], 0, 127), '^(%S+) (%d+) ')
    if epoch and (epoch ~= state.epoch or not holds(keys[1], keys[index], patterns, tonumber(sequence), '')) then
      redis.call('UNLINK', keys[index])
    end
  end
  return #keys - 1
end

-- keys: marks; args: nonce channel message lease-ms
local function flush(keys, args)
  local state, off = open(keys[1], args[1])
  if state.epoch ~= args[1] then
    begin(keys[1], args[1], off)
    state.epoch, state.sequence, state.ages = args[1], 0, {}
  end
  return announce(state, args[2], args[3], tonumber(args[4]))
end

-- keys: marks; args: nonce channel message lease-ms off
local function switch(keys, args)
  local state = open(keys[1], args[1])
  state.off = args[5] ~= '' and args[5]
  if state.off then redis.call('HSET', keys[1], '!', args[5]) else redis.call('HDEL', keys[1], '!') end
  return announce(state, args[2], args[3], tonumber(args[4]))
end

-- A process may hold values of its own for so long; it learns so by the way on which it learns of invalidations, behind all of them.
-- The answer is the epoch, by the way on which it reads. keys: marks; args: nonce member lease-ms channel serial
local function renew(keys, args)
  local state, off = open(keys[1], args[1])
  local lease = tonumber(args[3])
  state.members[args[2]] = lease > 0 and clock() + lease or nil
  redis.call('PUBLISH', args[4], string.format('%s %d %s %d %.0f %d', args[5], state.count, state.epoch, state.sequence, clock(), off and 1 or 0))
  return state.epoch
end

-- Whether the server is there, writes, and is the one that it was. keys: marks; args: nonce
local function probe(keys, args)
  local state, off = open(keys[1], args[1])
  return { state.epoch, off and 1 or 0 }
end
`;

/** Each function and whether it may run in a Redis that is full: all but those that add values. */
const functions = {
  fetch: true,
  store: false,
  claim: true,
  hold: true,
  invalidate: true,
  sweep: true,
  flush: true,
  switch: true,
  renew: true,
  probe: true,
} as const;

export type LibraryFunction = keyof typeof functions;

const version = createHash("sha256").update(code).digest("hex").slice(0, 8);
const libraryName = `vitals_cache_${version}`;

export const functionName = (name: LibraryFunction): string => `${libraryName}_${name}`;

/** What FUNCTION LOAD takes. Needs Redis 7 or newer. */
export const library = `#!lua name=${libraryName}
${code}
${Object.entries(functions)
  .map(
    ([name, whenFull]) =>
      `redis.register_function{function_name = '${functionName(name as LibraryFunction)}', callback = ${name}${whenFull ? ", flags = {'allow-oom'}" : ""}}`,
  )
  .join("\n")}
`;
