-- Everything that the store does to a record: one look, and one write if the record's version is the one expected.
--
-- KEYS[1]  the record
-- KEYS[2]  the bucket's source of versions
-- ARGV[1]  'load', 'write', 'remove', or 'watch': somebody waits for the record's changes
-- ARGV[2]  the version that must be there, 7 bytes; empty: nothing must be there
-- ARGV[3]  for how many milliseconds the record is kept; empty: for ever
-- ARGV[4]  the record
--
-- A value is one byte, 1 if somebody waits for its changes, else 0; 7 bytes of its version; 8 bytes of the time at which it was
-- written, in microseconds by the server's clock; the record. All numbers are big-endian.
--
-- Answers the new version; or, if the check failed, the time in 8 bytes and the value that is there, or nothing.
local old = redis.call('GET', KEYS[1])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local operation, expected = ARGV[1], ARGV[2]

if old then
    if operation == 'watch' and string.byte(old) == 0 then
        -- Its expiry stays as it is.
        redis.call('SETRANGE', KEYS[1], 0, '\1')
    end
    local isAsExpected = expected ~= '' and string.sub(old, 2, 8) == expected
    if operation == 'load' or operation == 'watch' or not isAsExpected then
        -- Changes nothing, and is refused where nothing may be changed: a server that has become a replica answers no reads.
        redis.call('PERSIST', KEYS[2])
        return struct.pack('>I8', now) .. old
    end
elseif operation == 'load' or operation == 'watch' or expected ~= '' then
    redis.call('PERSIST', KEYS[2])
    return false
end

-- Versions of a key only grow: also where nothing is left of it, as the source knows the bucket's last one; and where the source
-- has forgotten what it knew, as none is less than the time.
local version = now
if old then
    version = math.max(version, struct.unpack('>I7', old, 2) + 1)
end
local last = redis.call('SET', KEYS[2], version, 'GET')
if last and tonumber(last) >= version then
    version = last + 1
    redis.call('SET', KEYS[2], version)
end

if operation == 'remove' then
    redis.call('DEL', KEYS[1])
else
    local flag = old and string.sub(old, 1, 1) or '\0'
    local value = flag .. struct.pack('>I7I8', version, now) .. ARGV[4]
    if ARGV[3] == '' then
        redis.call('SET', KEYS[1], value)
    else
        redis.call('SET', KEYS[1], value, 'PX', ARGV[3])
    end
end
if old and string.byte(old) == 1 then
    -- A hint: who may not announce it has written it all the same.
    redis.pcall('PUBLISH', string.match(KEYS[2], '^[^{]*') .. 'changes', KEYS[1])
end
return version
