// Checks of the Redis or Valkey server of the shared cache, and what they mean for invalidations.

'use strict'

const { performance } = require('node:perf_hooks')
const { rootCertificates } = require('node:tls')
const { certificateFailure } = require('./network.js')
const { connectRedis, RespError } = require('./resp.js')
const { DOCS, failure, ok, skipped, warning } = require('./result.js')

/**
 * @typedef {import('./resp.js').Reply} Reply
 * @typedef {import('./result.js').Result} Result
 * @typedef {Awaited<ReturnType<typeof connectRedis>>} Redis
 * @typedef {Record<string, string>} Info The fields of `INFO`.
 */

/**
 * All checks of Redis. Without a connection there is only the first one.
 *
 * @param {string | undefined} text The URL.
 * @param {string | undefined} ca
 * @returns {AsyncGenerator<Result>}
 */
async function* redisChecks(text, ca) {
  if (text === undefined) {
    const hint = 'If your servers share tokens, pass --redis, or set REDIS_URL'
    yield skipped('Redis', 'There is no URL.', hint)
    return
  }
  const url = parseUrl(text)
  if (!url) {
    yield failure(
      'Redis',
      'The URL is invalid.',
      'Write redis://user:password@host:6379/0, or rediss:// with TLS.',
    )
    return
  }
  const opened = await open(url, ca)
  if (opened.result) yield opened.result
  if (!opened.redis) return
  try {
    yield* serverChecks(opened.redis)
  } catch {
    yield failure('Redis', 'The connection was lost during the checks.', 'Run the checks again.')
  } finally {
    opened.redis.close()
  }
}

/** @param {string} text */
function parseUrl(text) {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url && /^rediss?:$/.test(url.protocol) && url.hostname ? url : undefined
}

/**
 * Connects and signs in.
 *
 * @param {URL} url
 * @param {string | undefined} ca
 * @returns {Promise<{ result: Result, redis?: Redis }>}
 */
async function open(url, ca) {
  const place = `${url.hostname}:${url.port || 6379}`
  const start = performance.now()
  try {
    // As for the addon, NODE_EXTRA_CA_CERTS does not apply to Redis.
    const redis = await connectRedis(url, ca === undefined ? [...rootCertificates] : [ca])
    const error = await signIn(redis, url)
    if (!error) {
      const ms = (performance.now() - start).toFixed(1)
      return { redis, result: ok('Redis', `connected to ${place} (${ms} ms)`) }
    }
    redis.close()
    return { result: signInFailure(error, place) }
  } catch (error) {
    const failed = /** @type {import('./connection.js').ConnectionError} */ (error)
    return { result: certificateFailure('Redis', failed) ?? connectFailure(failed, url, place) }
  }
}

/** @param {Redis} redis @param {URL} url @returns {Promise<RespError | undefined>} */
async function signIn(redis, { username, password, pathname }) {
  const database = pathname.slice(1)
  const user = username ? [decodeURIComponent(username)] : []
  const commands = [
    ...(password ? [['AUTH', ...user, decodeURIComponent(password)]] : []),
    ...(database && database !== '0' ? [['SELECT', database]] : []),
  ]
  for (const command of commands) {
    const reply = await redis.send(...command)
    if (reply instanceof RespError) return reply
  }
  const pong = await redis.send('PING')
  // The ACL user of docs/caching.md has no permission for PING, which shows that it is signed in.
  return pong instanceof RespError && pong.code !== 'NOPERM' ? pong : undefined
}

/** @param {RespError} error @param {string} place */
function signInFailure({ code }, place) {
  if (code === 'NOAUTH' || code === 'WRONGPASS') {
    return failure(
      'Redis',
      `${place} rejects the user name or the password (${code}).`,
      'Write them into the URL: redis://user:password@host:6379. Write special characters in ' +
        'percent encoding: @ is %40.',
    )
  }
  if (code === 'LOADING') {
    return failure('Redis', `${place} loads its data.`, 'Wait until it has started.')
  }
  const hint = 'Check host, port and database number in the URL.'
  return failure('Redis', `${place} answers with an error (${code}).`, hint)
}

/** @param {{ code?: string }} error @param {URL} url @param {string} place */
function connectFailure({ code }, { protocol }, place) {
  const effect = 'Without Redis, each server requests its own tokens, and invalidate rejects.'
  if (code === 'ECONNREFUSED') {
    return failure(
      'Redis',
      `Nothing listens on ${place} (ECONNREFUSED). ${effect}`,
      'Start Redis, or correct the URL.',
    )
  }
  return failure(
    'Redis',
    `No connection to ${place} (${code ?? 'it was closed'}). ${effect}`,
    'Check host, port, DNS and firewall. ' +
      (protocol === 'rediss:'
        ? 'If the server has no TLS, write redis://.'
        : 'If the server needs TLS, write rediss://.'),
  )
}

/** @param {Redis} redis @returns {AsyncGenerator<Result>} */
async function* serverChecks(redis) {
  const reply = await redis.send('INFO')
  const info = typeof reply === 'string' ? parseInfo(reply) : undefined
  yield info ? version(info) : skipped('version', 'The user has no permission for INFO.')
  yield await permissions(redis, info)
  if (!info) return
  yield eviction(info)
  yield await persistence(redis, info)
  yield replication(info)
}

/** @param {string} text @returns {Info} */
function parseInfo(text) {
  const lines = text.split('\r\n').filter((line) => line.includes(':'))
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  )
}

/** @param {Info} info */
function version(info) {
  const { redis_version: redis = '', valkey_version: valkey, redis_mode: mode } = info
  const detail = `${valkey ? `Valkey ${valkey}` : `Redis ${redis}`}, ${mode}`
  if (mode === 'sentinel') {
    return failure(
      'version',
      `${detail}: this is a Sentinel, not the server with the data.`,
      'Check the URL of the master. In the client, put the URL of the Sentinel into cache.sentinels.',
    )
  }
  const [major, minor] = redis.split('.').map(Number)
  if (major > 6 || (major === 6 && minor >= 2)) return ok('version', detail)
  return failure('version', detail, 'velt-auth needs Redis 6.2 or newer, or Valkey: update it.')
}

/**
 * Tries each command that velt-auth uses, on keys that last a second, and returns the errors. Without
 * the first two, the keys would stay, so the others are not tried then.
 */
const TRIAL = `
local errors = {}
local function try(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err then
    errors[#errors + 1] = (...) .. ' ' .. reply.err
  end
end
local value, hash, stream = KEYS[1], KEYS[2], KEYS[3]
try('del', value)
try('pexpire', value, 1000)
if #errors == 0 then
  try('set', value, '1', 'PX', 1000)
  try('get', value)
  try('type', value)
  try('pttl', value)
  try('hset', hash, 'f', '1')
  try('pexpire', hash, 1000)
  try('hget', hash, 'f')
  try('hdel', hash, 'f')
  try('xadd', stream, '*', 'f', '1')
  try('pexpire', stream, 1000)
  try('xrange', stream, '-', '+')
  try('xrevrange', stream, '+', '-')
  try('time')
  try('info', 'server')
  redis.pcall('del', value, hash, stream)
end
return errors`

/** @param {Redis} redis @param {Info | undefined} info */
async function permissions(redis, info) {
  const name = 'permissions'
  const user = await redis.send('ACL', 'WHOAMI')
  const who = typeof user === 'string' ? `user ${user}` : 'the user'
  const cure = `Use the line ACL SETUSER in ${DOCS}/caching.md#redis-settings`
  const errors = await trial(redis, info?.cluster_enabled === '1')
  if (errors.length === 0) return ok(name, `${who} may use all commands`)
  const [first] = errors
  if (/READONLY/.test(first)) {
    return failure(
      name,
      'This server is a replica, and rejects writes (READONLY).',
      'Use the URL of the master, or Sentinel (cache.sentinels).',
    )
  }
  if (/\b(OOM|MISCONF|NOREPLICAS)\b/.test(first)) {
    const [code] = /\b(OOM|MISCONF|NOREPLICAS)\b/.exec(first) ?? []
    return failure(
      name,
      `The server rejects writes (${code}): tokens are not shared, and invalidate rejects.`,
      {
        OOM: 'Its memory is full: raise maxmemory, or choose another maxmemory-policy.',
        MISCONF: 'It cannot save its data: free disk space, or correct its folder.',
        NOREPLICAS: 'It has lost its replicas (min-replicas-to-write): start them.',
      }[String(code)] ?? '',
    )
  }
  const commands = errors.map((error) => error.split(' ', 1)[0])
  return failure(name, `${who} may not use: ${[...new Set(commands)].join(', ')}.`, cure)
}

/** The errors of the trial: each begins with the name of the command. @param {Redis} redis @param {boolean} cluster @returns {Promise<string[]>} */
async function trial(redis, cluster) {
  // In a cluster, a node has only some keys. The tag in braces decides the node.
  for (let tag = 0; tag < (cluster ? 100 : 1); tag += 1) {
    const keys = ['value', 'hash', 'stream'].map((each) => `velt-auth:doctor{${tag}}:${each}`)
    const set = await redis.send('SET', keys[0], '1', 'PX', 1000)
    if (set instanceof RespError && set.code === 'MOVED') continue
    const reply = await redis.send('EVAL', TRIAL, keys.length, ...keys)
    const errors = set instanceof RespError ? [`set ${set.message}`] : []
    if (reply instanceof RespError) return [...errors, `eval ${reply.message}`]
    if (cluster) {
      const slots = await redis.send('CLUSTER', 'SLOTS')
      if (slots instanceof RespError) errors.push(`cluster|slots ${slots.message}`)
    }
    return [...errors, ...(Array.isArray(reply) ? reply.map(String) : [])]
  }
  return ['set This node of the cluster has no keys.']
}

/** @param {Info} info */
function eviction({ maxmemory, maxmemory_policy: policy = 'unknown', ...info }) {
  const name = 'eviction'
  if (maxmemory === undefined) return skipped(name, 'The server does not tell its memory limit.')
  if (maxmemory === '0') return ok(name, `${policy}, without a memory limit: nothing is evicted`)
  const used = Number(info.used_memory) / Number(maxmemory)
  const share = `${Math.round(used * 100)} % of maxmemory is used`
  if (policy === 'noeviction') {
    if (used < 0.9) return ok(name, `${policy}, ${share}`)
    return warning(
      name,
      `${policy}, ${share}. A full Redis rejects writes: invalidate then rejects.`,
      'Raise maxmemory.',
    )
  }
  return warning(
    name,
    `${policy}, ${share}, ${info.evicted_keys} keys were evicted. Blocked users stay blocked: if the ` +
      'log of invalidations is evicted, all servers drop their tokens and request new ones.',
    'This is safe, but costs requests to Velt. Raise maxmemory so that evicted_keys in INFO does not ' +
      'grow, or use a Redis of its own for velt-auth.',
  )
}

/** @param {Redis} redis @param {Info} info */
async function persistence(redis, { aof_enabled: aof }) {
  const save = await redis.send('CONFIG', 'GET', 'save')
  const snapshots = Array.isArray(save) ? (save[1] === '' ? 'off' : 'on') : 'unknown'
  return ok(
    'persistence',
    `append-only file ${aof === '1' ? 'on' : 'off'}, snapshots ${snapshots}: not needed. After a ` +
      'restart, all servers drop their tokens, so no blocked user comes back',
  )
}

/** @param {Info} info */
function replication({ role, connected_slaves: replicas = '0', min_slaves_good_slaves: minimum }) {
  const name = 'replication'
  if (role === 'slave') {
    return failure(name, 'This server is a replica.', 'Use the URL of the master.')
  }
  if (replicas === '0') return ok(name, 'no replicas')
  // INFO has this field only if min-replicas-to-write is set.
  if (minimum !== undefined) return ok(name, `${replicas} replicas, min-replicas-to-write is set`)
  return warning(
    name,
    `${replicas} replicas, and min-replicas-to-write is not set. In a network partition, an old master ` +
      'can accept invalidations that the new master does not get.',
    `Set min-replicas-to-write 1 and min-replicas-max-lag 10: ${DOCS}/caching.md#redis-settings`,
  )
}

exports.redisChecks = redisChecks
