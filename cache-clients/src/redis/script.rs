//! The decisions that are made in the server: each one script, on one key; claims outside of
//! clusters on many.

use super::header;
use ::redis::{Cmd, Script};
use std::sync::LazyLock;
use std::time::Duration;

/// Before each script. `head` is the header of what is there, or false for nothing and for what is
/// not ours; foreign strings and other types are overwritten like nothing.
const HEAD: &str = r"
local key = KEYS[1]
local head = redis.pcall('GETRANGE', key, 0, 23)
if type(head) ~= 'string' or #head < 24 or head:byte(1) ~= 161 then head = false end
local function valued() return head and head:byte(2) < 2 end
";

/// ARGV: mode `m`issing, re`f`resh or re`p`lace; the milliseconds of the leases; for each key the
/// token of its lease. Gives for each key the string if no lease is needed, else whether it is won
/// (1) or taken (2), with the string; for a single key without a list around it. A server that is
/// full gives no leases.
///
/// Does without `HEAD`, as the value is needed anyway. What is read of many keys at once is trusted
/// only where it ends the matter: a key may be there twice.
const CLAIM: &str = r"
local mode, time = ARGV[1], ARGV[2]
local function ours(value)
  return type(value) == 'string' and #value >= 24 and value:byte(1) == 161
end
local function full(answer)
  return type(answer) == 'table' and answer.err and answer.err:find('OOM', 1, true)
end
local function claim(key, mine)
  local value = redis.pcall('GET', key)
  if not ours(value) then value = false end
  local state = value and value:byte(2) or 2
  if state == 0 and mode == 'm' then return value end
  if state >= 2 then
    if value and mode ~= 'p' and value:sub(11, 18) ~= mine then return {2, false} end
    local lease = '\161\2' .. mine .. mine .. ('\0'):rep(6)
    local answer = redis.pcall('SET', key, lease, 'PX', time)
    if full(answer) then return {0, false} end
    if answer.err then return answer end
    return {1, false}
  end
  local clock = redis.call('TIME')
  local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
  local holder = value:sub(11, 18)
  if mode ~= 'p' and holder ~= mine and struct.unpack('>I6', value, 19) > now then
    return {2, value}
  end
  local ends = struct.pack('>I6', now + tonumber(time))
  local answer = redis.pcall('SETRANGE', key, 10, mine .. ends)
  if full(answer) then return {0, value} end
  if type(answer) == 'table' and answer.err then return answer end
  return {1, value}
end
if #KEYS == 1 then return claim(KEYS[1], ARGV[3]) end
local answers = mode == 'm' and redis.call('MGET', unpack(KEYS)) or {}
for i, key in ipairs(KEYS) do
  local value = answers[i]
  if not ours(value) or value:byte(2) ~= 0 then answers[i] = claim(key, ARGV[2 + i]) end
end
return answers
";

/// ARGV: the token that must hold, or nothing where there must be no value; the milliseconds to
/// keep, or nothing for ever; header and value. A put that was sent twice, since the connection
/// broke, finds its own token.
const PUT: &str = r"
local token = ARGV[1]
if head then
  local now = head:sub(3, 10)
  if now == ARGV[3]:sub(3, 10) then return 1 end
  if token == '' then
    if valued() then return 0 end
  elseif now ~= token and head:sub(11, 18) ~= token then
    return 0
  end
elseif token ~= '' then
  return 0
end
if ARGV[2] == '' then redis.call('SET', key, ARGV[3])
else redis.call('SET', key, ARGV[3], 'PX', ARGV[2]) end
return 1
";

/// ARGV: the token of the value; the milliseconds to keep, or nothing for ever; header and value. The lease
/// stays, and a second sending finds its own token.
const RENEW: &str = r"
if not valued() then return 0 end
local now = head:sub(3, 10)
if now == ARGV[3]:sub(3, 10) then return 1 end
if now ~= ARGV[1] then return 0 end
local string, lease = ARGV[3], head:sub(11, 24)
if lease ~= ('\0'):rep(14) then string = string:sub(1, 10) .. lease .. string:sub(25) end
if ARGV[2] == '' then redis.call('SET', key, string)
else redis.call('SET', key, string, 'PX', ARGV[2]) end
return 1
";

const DELETE: &str = r"
redis.call('DEL', key)
return valued() and 1 or 0
";

/// ARGV: the token of the value. Not where somebody has a lease beside it.
const DISCARD: &str = r"
if not valued() or head:sub(3, 10) ~= ARGV[1] then return 0 end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if struct.unpack('>I6', head, 19) > now then return 0 end
redis.call('DEL', key)
return 1
";

/// ARGV: the header of the stale value; the milliseconds to keep, or nothing for ever.
const EXPIRE: &str = r"
if not valued() then
  if head then redis.call('DEL', key) end
  return 0
end
redis.call('SETRANGE', key, 0, ARGV[1])
if ARGV[2] == '' then redis.call('PERSIST', key) else redis.call('PEXPIRE', key, ARGV[2]) end
return 1
";

/// ARGV: the token of the lease.
const RELEASE: &str = r"
if not head or head:sub(11, 18) ~= ARGV[1] then return 0 end
if valued() then redis.call('SETRANGE', key, 10, ('\0'):rep(14)) else redis.call('DEL', key) end
return 1
";

static CLAIMING: LazyLock<Script> = LazyLock::new(|| Script::new(CLAIM));
static PUTTING: LazyLock<Script> = LazyLock::new(|| after_head(PUT));
static RENEWING: LazyLock<Script> = LazyLock::new(|| after_head(RENEW));
static DELETING: LazyLock<Script> = LazyLock::new(|| after_head(DELETE));
static DISCARDING: LazyLock<Script> = LazyLock::new(|| after_head(DISCARD));
static EXPIRING: LazyLock<Script> = LazyLock::new(|| after_head(EXPIRE));
static RELEASING: LazyLock<Script> = LazyLock::new(|| after_head(RELEASE));

fn after_head(rest: &str) -> Script {
    Script::new(&format!("{HEAD}{rest}"))
}

/// Who may have a lease.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mode {
    Missing,
    Refresh,
    Replace,
}

/// With a token for each key.
pub(super) fn claim(keys: &[String], mode: Mode, leases: &[u64], time: Duration) -> Cmd {
    let mode = match mode {
        Mode::Missing => "m",
        Mode::Refresh => "f",
        Mode::Replace => "p",
    };
    let length: usize = keys.iter().map(|key| key.len() + 32).sum();
    let mut command = Cmd::with_capacity(5 + 2 * keys.len(), 160 + length);
    command.arg("EVALSHA").arg(CLAIMING.get_hash()).arg(keys.len()).arg(keys);
    command.arg(mode).arg(lease_millis(time));
    for lease in leases {
        command.arg(&lease.to_be_bytes()[..]);
    }
    command
}

/// Stores under a condition; without one, a plain `SET` does.
pub(super) fn put(key: &str, token: Option<u64>, keep: Option<Duration>, string: &[u8]) -> Cmd {
    let mut command = call(&PUTTING, key, string.len());
    match token {
        Some(token) => command.arg(&token.to_be_bytes()[..]),
        None => command.arg(""),
    };
    command.arg(millis_or_nothing(keep)).arg(string);
    command
}

/// Stores in place of the value of this token; who has the lease beside it keeps that.
pub(super) fn renew(key: &str, token: u64, keep: Option<Duration>, string: &[u8]) -> Cmd {
    let mut command = call(&RENEWING, key, string.len());
    command.arg(&token.to_be_bytes()[..]).arg(millis_or_nothing(keep)).arg(string);
    command
}

pub(super) fn delete(key: &str) -> Cmd {
    call(&DELETING, key, 0)
}

pub(super) fn discard(key: &str, token: u64) -> Cmd {
    let mut command = call(&DISCARDING, key, 0);
    command.arg(&token.to_be_bytes()[..]);
    command
}

pub(super) fn expire(key: &str, token: u64, keep: Duration) -> Cmd {
    let mut command = call(&EXPIRING, key, 0);
    command.arg(&header::stale(token)[..]).arg(millis_or_nothing(Some(keep)));
    command
}

pub(super) fn release(key: &str, token: u64) -> Cmd {
    let mut command = call(&RELEASING, key, 0);
    command.arg(&token.to_be_bytes()[..]);
    command
}

/// What makes a server know the scripts.
pub(super) fn load() -> impl Iterator<Item = Cmd> {
    let rest = [PUT, RENEW, DELETE, DISCARD, EXPIRE, RELEASE].map(|rest| format!("{HEAD}{rest}"));
    let codes = std::iter::once(CLAIM.to_owned()).chain(rest);
    codes.map(|code| ::redis::cmd("SCRIPT").arg("LOAD").arg(code).take())
}

fn call(script: &Script, key: &str, more: usize) -> Cmd {
    let mut command = Cmd::with_capacity(7, 160 + key.len() + more);
    command.arg("EVALSHA").arg(script.get_hash()).arg(1).arg(key);
    command
}

/// Whole milliseconds, rounded up, at least one; `None` where the server could not count them and
/// for ever is as good.
pub(super) fn millis(time: Duration) -> Option<u64> {
    /// Beyond 100 000 years; the server adds its clock, in 64 bits.
    const MOST: u128 = 1 << 52;
    let millis = time.as_nanos().div_ceil(1_000_000).max(1);
    (millis < MOST).then(|| u64::try_from(millis).ok())?
}

/// A lease must end, and its end must fit into 48 bits.
fn lease_millis(time: Duration) -> u64 {
    const MOST: u64 = 1 << 40;
    millis(time).unwrap_or(MOST).min(MOST)
}

fn millis_or_nothing(time: Option<Duration>) -> String {
    time.and_then(millis).map_or_else(String::new, |millis| millis.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_to_milliseconds() {
        assert_eq!(millis(Duration::ZERO), Some(1));
        assert_eq!(millis(Duration::from_nanos(1)), Some(1));
        assert_eq!(millis(Duration::from_micros(1001)), Some(2));
        assert_eq!(millis(Duration::from_secs(60)), Some(60_000));
    }

    #[test]
    fn a_time_that_no_server_can_count_is_for_ever() {
        assert_eq!(millis(Duration::MAX), None);
        assert_eq!(millis_or_nothing(Some(Duration::MAX)), "");
        assert_eq!(lease_millis(Duration::MAX), 1 << 40);
    }

    #[test]
    fn the_loaded_scripts_are_the_called_ones() {
        let called =
            [&CLAIMING, &PUTTING, &RENEWING, &DELETING, &DISCARDING, &EXPIRING, &RELEASING];
        for (command, script) in load().zip(called) {
            let packed = command.get_packed_command();
            let text = String::from_utf8(packed).unwrap();
            let code = text.split_once("LOAD\r\n$").unwrap().1.split_once("\r\n").unwrap().1;
            assert_eq!(
                Script::new(code.strip_suffix("\r\n").unwrap()).get_hash(),
                script.get_hash()
            );
        }
    }
}
