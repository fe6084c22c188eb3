// `velt-auth doctor`: one table of causes, each with a real server that has this fault.

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { createAuthority, createSelfSigned } from './support/certificates.mjs'
import { environmentOf, MAIN, runCli } from './support/cli.mjs'
import { copyPackage } from './support/copies.mjs'
import { emulate } from './support/emulator.mjs'
import { temporaryFolder } from './support/processes.mjs'
import { startRedis, startRedisCluster, startSentinel } from './support/redis.mjs'
import { listen, startProxy, unusedPort } from './support/servers.mjs'
import { needs } from './support/tools.mjs'
import { firstCells, quoted } from './support/troubleshooting.mjs'

const API_KEY = 'an-api-key-of-acme'
const AUTH_TOKEN = 'an-auth-token-of-acme'
const HOST = 'api.velt.test' // only a proxy can resolve it
const authority = await createAuthority()
const HOUR = 3_600_000

/** A line of docs/caching.md. */
const PERMISSIONS =
  '+eval +set +get +del +type +info +hget +hset +hdel +time +pttl +pexpire +xadd +xrange +xrevrange'

/** Starts an emulator. Returns it, and the environment that reaches it. */
async function velt(t, options) {
  const { emulator } = await emulate(t, { apiKey: API_KEY, authToken: AUTH_TOKEN, ...options })
  return { emulator, env: environmentOf(emulator) }
}

/** An emulator with this certificate. */
async function withTls(t, tls) {
  return (await velt(t, { tls })).env
}

async function fileOf(t, content) {
  const file = join(await temporaryFolder(t), 'ca.pem')
  await writeFile(file, content)
  return file
}

/** An emulator that responds with a fault to each request. */
async function failing(t, fault) {
  const { emulator, env } = await velt(t)
  emulator.fault({ times: Infinity, ...fault })
  return { env }
}

/** An emulator behind an HTTPS proxy, which the environment uses with `password`. */
async function behindProxy(t, password) {
  const { env } = await velt(t, { tls: await authority.issue({ hosts: [HOST, 'localhost'] }) })
  const target = Number(new URL(env.VELT_BASE_URL).port)
  const tls = await authority.issue()
  const proxy = await startProxy(t, { target, credentials: 'user:p@ss word', tls })
  return {
    env: {
      ...env,
      VELT_BASE_URL: `https://${HOST}:${target}`,
      HTTPS_PROXY: proxy.url.replace('://', `://user:${encodeURIComponent(password)}@`),
      NODE_EXTRA_CA_CERTS: await fileOf(t, authority.pem),
    },
    secrets: [password, encodeURIComponent(password)],
  }
}

/** A permission provider, which the emulator has in its configuration. */
async function withProvider(t, answer) {
  const server = createServer((request, response) => {
    const { status = 200, body } = answer(request.headers.authorization)
    request.resume().on('end', () => response.writeHead(status).end(JSON.stringify(body)))
  })
  const { url } = await listen(t, server, 'http://127.0.0.1')
  const token = 'a-provider-token'
  const { env } = await velt(t, { permissionProvider: { url: `${url}/check`, token } })
  return { env, secrets: [token] }
}

const deny = { data: [{ userId: 'velt-auth-doctor', hasAccess: false }], success: true }

/** A Redis, and the options that check it. */
async function withRedis(t, settings = [], prepare = () => {}) {
  const redis = await startRedis(t, { after: settings })
  await prepare(redis)
  return { ...(await velt(t)), args: ['--redis', redis.url] }
}

/** A Redis with a password, which the URL does not have. */
function withPassword(t) {
  return withRedis(t, [], (redis) => redis.cli('config', 'set', 'requirepass', 'a-redis-password'))
}

/** A Redis with a user who has only these permissions. */
async function withRedisUser(t, ...rules) {
  const redis = await startRedis(t)
  redis.cli('acl', 'setuser', 'velt', 'on', '>redis-password', ...rules)
  const url = redis.url.replace('://', '://velt:redis-password@')
  return {
    ...(await velt(t)),
    env: { ...(await velt(t)).env, REDIS_URL: url },
    secrets: ['redis-password'],
  }
}

/**
 * The causes. Each row starts the servers with the fault. `expected` is the check that must find it: its
 * name, its status, the cause in its detail, and the cure.
 */
const CAUSES = {
  'missing addon': {
    async start(t) {
      const main = join(await copyPackage(await temporaryFolder(t)), 'lib', 'cli', 'main.js')
      return { ...(await velt(t)), main }
    },
    expected: [
      'addon',
      'failure',
      /cannot load velt-auth-.+ not installed.+npm install/,
      /install\.md/,
    ],
  },
  'missing credentials': {
    start: () => ({ env: {} }),
    expected: ['VELT_API_KEY', 'failure', /not set/, /console\.velt\.dev.+--env/],
  },
  'a credential with quotes': {
    async start(t) {
      return { env: { ...(await velt(t)).env, VELT_AUTH_TOKEN: `"${AUTH_TOKEN}"` } }
    },
    expected: ['VELT_AUTH_TOKEN', 'failure', /has quotes around it/, /Copy .+ again/],
  },
  'a credential with a space': {
    async start(t) {
      return { env: { ...(await velt(t)).env, VELT_AUTH_TOKEN: `${AUTH_TOKEN} ` } }
    },
    expected: ['VELT_AUTH_TOKEN', 'failure', /contains a space/, /Copy .+ again/],
  },
  'the API key as auth token': {
    async start(t) {
      return { env: { ...(await velt(t)).env, VELT_AUTH_TOKEN: API_KEY } }
    },
    expected: ['VELT_AUTH_TOKEN', 'failure', /same value as VELT_API_KEY/, /generate one/],
  },
  'the auth token under a public name': {
    async start(t) {
      return { env: { ...(await velt(t)).env, NEXT_PUBLIC_VELT_TOKEN: AUTH_TOKEN } }
    },
    expected: [
      'client options',
      'failure',
      /NEXT_PUBLIC_VELT_TOKEN puts .+ reset the token/,
      /Correct/,
    ],
  },
  'plain http to another machine': {
    async start(t) {
      return { env: { ...(await velt(t)).env, VELT_BASE_URL: 'http://velt.invalid' } }
    },
    expected: ['URL', 'failure', /VELT_BASE_URL .+ is invalid/, /must begin with https/],
  },
  'nothing listening': {
    async start(t) {
      const url = `http://127.0.0.1:${await unusedPort()}`
      return { env: { ...(await velt(t)).env, VELT_BASE_URL: url } }
    },
    expected: ['TCP', 'failure', /Nothing listens on 127\.0\.0\.1:\d+/, /Correct VELT_BASE_URL/],
  },
  'a host name that does not exist': {
    async start(t) {
      return { env: { ...(await velt(t)).env, VELT_BASE_URL: 'https://velt.invalid' } }
    },
    expected: ['DNS', 'failure', /velt\.invalid cannot be resolved/, /Correct VELT_BASE_URL/],
  },
  'self-signed upstream': {
    async start(t) {
      return { env: await withTls(t, await createSelfSigned()) }
    },
    expected: [
      'TLS',
      'failure',
      /self-signed.+localhost/,
      /NODE_EXTRA_CA_CERTS.+option ca.+CA:FALSE/,
    ],
  },
  'an unknown certificate authority': {
    async start(t) {
      return { env: await withTls(t, await authority.issue()) }
    },
    expected: [
      'TLS',
      'failure',
      /unknown authority.+issued by CN=velt-auth test CA/,
      /NODE_EXTRA_CA/,
    ],
  },
  'an expired certificate': {
    async start(t) {
      const tls = await authority.issue({ notAfter: new Date(Date.now() - HOUR) })
      return { env: await withTls(t, tls), args: ['--ca', await fileOf(t, authority.pem)] }
    },
    expected: ['TLS', 'failure', /has expired.+valid until/, /clock of this machine/],
  },
  'a certificate for another host name': {
    async start(t) {
      const tls = await authority.issue({ hosts: ['other.example'] })
      return { env: await withTls(t, tls), args: ['--ca', await fileOf(t, authority.pem)] }
    },
    expected: ['TLS', 'failure', /another host name.+other\.example/, /Correct the host name/],
  },
  'plain http on an https port': {
    async start(t) {
      const { env } = await velt(t)
      return { env: { ...env, VELT_BASE_URL: env.VELT_BASE_URL.replace('http:', 'https:') } }
    },
    expected: ['TLS', 'failure', /handshake fails/, /may be plain http/],
  },
  'HTTPS proxy with a wrong password': {
    start: (t) => behindProxy(t, 'wrong@password'),
    expected: [
      'proxy',
      'failure',
      /rejects the user name or the password \(HTTP 407\)/,
      /HTTPS_PROXY/,
    ],
  },
  'a proxy that is not running': {
    async start(t) {
      const HTTPS_PROXY = `http://127.0.0.1:${await unusedPort()}`
      return { env: { ...(await velt(t)).env, VELT_BASE_URL: `https://${HOST}`, HTTPS_PROXY } }
    },
    expected: ['TCP', 'failure', /Nothing listens on the proxy 127\.0\.0\.1/, /HTTPS_PROXY/],
  },
  'a proxy that is another server': {
    async start(t) {
      const { env } = await velt(t)
      return { env: { ...env, VELT_BASE_URL: `https://${HOST}`, HTTPS_PROXY: env.VELT_BASE_URL } }
    },
    expected: ['proxy', 'failure', /does not answer a CONNECT request/, /URL of an HTTP proxy/],
  },
  'wrong key': {
    async start(t) {
      return { env: { ...(await velt(t)).env, VELT_API_KEY: 'another-api-key' } }
    },
    expected: [
      'credentials',
      'failure',
      /rejects the credentials \(PERMISSION_DENIED\)/,
      /Compare/,
    ],
  },
  'wrong auth token': {
    async start(t) {
      return { env: { ...(await velt(t)).env, VELT_AUTH_TOKEN: 'another-auth-token' } }
    },
    expected: ['credentials', 'failure', /rejects the credentials/, /reset no longer works/],
  },
  'a rate limit': {
    start: (t) => failing(t, { error: { status: 'RESOURCE_EXHAUSTED' } }),
    expected: ['credentials', 'failure', /too many requests/, /Wait a minute/],
  },
  'Velt fails': {
    start: (t) => failing(t, { status: 503, body: '<html>' }),
    expected: ['credentials', 'failure', /fails \(HTTP 503\)/, /client retries/],
  },
  'another server than Velt': {
    start: (t) => failing(t, { body: '<html>' }),
    expected: ['credentials', 'failure', /not from Velt's API \(HTTP 200\)/, /VELT_BASE_URL/],
  },
  'a connection that is cut': {
    start: (t) => failing(t, { reset: 'body' }),
    expected: [
      'credentials',
      'failure',
      /No complete response arrived \(ECONNRESET/,
      /cuts connections/,
    ],
  },
  'a server that does not respond': {
    start: (t) => failing(t, { stall: 'headers' }),
    expected: ['credentials', 'failure', /TIMEOUT: no response in 5000 ms/, /Try again/],
  },
  'clock an hour behind': {
    start: (t) => failing(t, { headers: { date: new Date(Date.now() + HOUR).toUTCString() } }),
    expected: ['clock', 'failure', /(1 h|59 min).* behind Velt/, /Expired tokens are served.+NTP/],
  },
  'clock an hour ahead': {
    start: (t) => failing(t, { headers: { date: new Date(Date.now() - HOUR).toUTCString() } }),
    expected: ['clock', 'failure', /(1 h|59 min).* ahead of Velt/, /expired too early.+NTP/],
  },
  'clock two minutes behind': {
    start: (t) => failing(t, { headers: { date: new Date(Date.now() + HOUR / 30).toUTCString() } }),
    expected: ['clock', 'warning', /(2|1) min.* behind Velt/, /NTP/],
  },
  'toggle off': {
    start: (t) => velt(t, { requireJwtToken: false }),
    expected: ['Require JWT Token', 'failure', /off: a visitor can pretend/, /Enable "Require JWT/],
  },
  'wrong domain': {
    async start(t) {
      return { ...(await velt(t)), args: ['--domain', 'https://app.example.com/page'] }
    },
    expected: [
      'allowed domain',
      'failure',
      /app\.example\.com is not allowed.+localhost/,
      /Add app\.ex/,
    ],
  },
  'a permission provider that is down': {
    async start(t) {
      const url = `http://127.0.0.1:${await unusedPort()}/check`
      return velt(t, { permissionProvider: { url } })
    },
    expected: [
      'permission provider',
      'failure',
      /does not answer \(ECONNREFUSED\)/,
      /Start your server/,
    ],
  },
  'a permission provider with another token': {
    start: (t) =>
      withProvider(t, (authorization) =>
        authorization === 'Bearer another' ? { body: deny } : { status: 401 },
      ),
    expected: ['permission provider', 'failure', /rejects the token .+ \(HTTP 401\)/, /same token/],
  },
  'a permission provider with another format': {
    start: (t) => withProvider(t, () => ({ body: { access: false } })),
    expected: [
      'permission provider',
      'failure',
      /not answer in the format/,
      /veltPermissionHandler/,
    ],
  },
  'a permission provider that gives access to everybody': {
    start: (t) => withProvider(t, () => ({ body: { data: [{ hasAccess: true }] } })),
    expected: ['permission provider', 'warning', /access to a user that does not exist/, /Deny by/],
  },
  'a permission provider that Velt does not use': {
    async start(t) {
      const { emulator } = await emulate(t)
      const server = createServer((_, response) => response.end(JSON.stringify(deny)))
      const { url } = await listen(t, server, 'http://127.0.0.1')
      return { env: environmentOf(emulator), args: ['--permission-provider', url] }
    },
    expected: [
      'permission provider',
      'warning',
      /but Velt does not use it/,
      /Enter the URL in console/,
    ],
  },
  'a Redis URL that is none': {
    async start(t) {
      return { ...(await velt(t)), args: ['--redis', 'localhost:6379'] }
    },
    expected: ['Redis', 'failure', /URL is invalid/, /redis:\/\/user:password@host/],
  },
  'Redis down': {
    async start(t) {
      return { ...(await velt(t)), args: ['--redis', `redis://127.0.0.1:${await unusedPort()}`] }
    },
    expected: ['Redis', 'failure', /Nothing listens on .+ invalidate rejects/, /Start Redis/],
  },
}

/** Causes that need a redis-server. */
const REDIS_CAUSES = {
  'TLS to a Redis without TLS': {
    async start(t) {
      const { env, args } = await withRedis(t)
      return { env, args: ['--redis', args[1].replace('redis:', 'rediss:')] }
    },
    expected: ['Redis', 'failure', /No connection to/, /If the server has no TLS, write redis:/],
  },
  'Redis with a wrong password': {
    async start(t) {
      const { env, args } = await withPassword(t)
      const url = args[1].replace('://', '://:wrong-redis-password@')
      return { env, args: ['--redis', url], secrets: ['wrong-redis-password'] }
    },
    expected: [
      'Redis',
      'failure',
      /rejects the user name or the password \(WRONGPASS\)/,
      /into the URL/,
    ],
  },
  'Redis without the password': {
    start: (t) => withPassword(t),
    expected: ['Redis', 'failure', /rejects .+ \(NOAUTH\)/, /into the URL/],
  },
  'a Redis user without two permissions': {
    start: (t) =>
      withRedisUser(t, '~velt-auth:*', ...PERMISSIONS.split(' '), '-hget', '-xrevrange'),
    expected: ['permissions', 'failure', /may not use: hget, xrevrange\./, /ACL SETUSER/],
  },
  'a Redis user without the keys': {
    start: (t) => withRedisUser(t, '~other:*', '+@all'),
    expected: ['permissions', 'failure', /user velt may not use: set, eval/, /ACL SETUSER/],
  },
  'a Redis user without INFO': {
    start: (t) => withRedisUser(t, '~velt-auth:*', ...PERMISSIONS.split(' '), '-info'),
    expected: ['permissions', 'failure', /may not use: info\./, /ACL SETUSER/],
  },
  'Redis with allkeys-lru': {
    start: (t) => withRedis(t, ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru']),
    expected: [
      'eviction',
      'warning',
      /allkeys-lru.+log of invalidations is evicted/,
      /Raise maxmemory/,
    ],
  },
  'a full Redis with noeviction': {
    start: (t) =>
      withRedis(t, ['--maxmemory-policy', 'noeviction'], (redis) => {
        redis.cli('config', 'set', 'maxmemory', '1')
      }),
    expected: [
      'permissions',
      'failure',
      /rejects writes \(OOM\).+invalidate rejects/,
      /raise maxmemory/,
    ],
  },
  'a nearly full Redis with noeviction': {
    start: (t) =>
      withRedis(t, [], (redis) => {
        redis.cli('setrange', 'filler', '40000000', 'x')
        const used = Number(/used_memory:(\d+)/.exec(redis.cli('info', 'memory'))[1])
        redis.cli('config', 'set', 'maxmemory', String(Math.round(used * 1.05)))
      }),
    expected: ['eviction', 'warning', /noeviction, 9\d % .+ A full Redis rejects writes/, /Raise/],
  },
  'a replica': {
    async start(t) {
      const master = await startRedis(t)
      return withRedis(t, ['--replicaof', '127.0.0.1', master.port], async (redis) => {
        while (!redis.cli('info').includes('master_link_status:up')) {
          await new Promise(setImmediate)
        }
      })
    },
    expected: ['permissions', 'failure', /is a replica, and rejects writes/, /URL of the master/],
  },
  'replicas without min-replicas-to-write': {
    start: (t) =>
      withRedis(t, [], async (master) => {
        await startRedis(t, { after: ['--replicaof', '127.0.0.1', master.port] })
        while (!master.cli('info').includes('connected_slaves:1')) await new Promise(setImmediate)
      }),
    expected: ['replication', 'warning', /1 replicas, .+ not set/, /min-replicas-to-write 1/],
  },
  'a Sentinel': {
    async start(t) {
      const sentinel = await startSentinel(t, await startRedis(t))
      return { ...(await velt(t)), args: ['--redis', sentinel.url] }
    },
    expected: ['version', 'failure', /this is a Sentinel/, /cache\.sentinels/],
  },
}

/** The details of all checks so far. */
const details = []

/** Runs the doctor, and returns its exit code, its checks and all of its output. */
async function doctor(t, { env, args = [], main = MAIN }) {
  const json = await runCli(t, ['doctor', '--json', ...args], { env, main })
  assert.equal(json.stderr, '')
  const { ok, checks } = JSON.parse(json.stdout)
  assert.equal(ok, json.code === 0)
  details.push(...checks.map(({ detail }) => detail))
  return { code: json.code, checks, output: json.stdout }
}

function causes(table, options = {}) {
  for (const [name, { start, expected }] of Object.entries(table)) {
    test(`doctor names the cause and the cure: ${name}`, options, async (t) => {
      const { secrets = [], ...setup } = await start(t)
      const { code, checks, output } = await doctor(t, setup)
      const [check, status, cause, cure] = expected
      const found = checks.find((each) => each.name === check)
      assert.ok(found, `no check ${check} in ${output}`)
      assert.equal(found.status, status, found.detail)
      assert.match(found.detail, cause)
      assert.match(found.cure, cure)
      const failed = checks.filter((each) => each.status === 'failure')
      assert.equal(code, failed.length > 0 ? 1 : 0)
      if (status === 'warning') assert.deepEqual(failed, [])
      // One cause on the way to Velt is one failure.
      const onTheWay = failed.filter(({ group }) => group === 'Network' || group === 'Velt')
      assert.ok(onTheWay.length <= 1 || !onTheWay.includes(found), JSON.stringify(onTheWay))
      for (const secret of [API_KEY, AUTH_TOKEN, ...secrets]) assert.ok(!output.includes(secret))
    })
  }
}

causes(CAUSES)
causes(REDIS_CAUSES, needs('redis-server'))

test(
  'a whole green run: TLS, proxy, domain, permission provider and Redis',
  needs('redis-server'),
  async (t) => {
    const { env } = await behindProxy(t, 'p@ss word')
    const { args } = await withRedis(t)
    const { code, checks, output } = await doctor(t, {
      env,
      args: [...args, '--domain', 'localhost'],
    })
    assert.deepEqual(
      checks.filter(({ status }) => !['ok', 'skipped'].includes(status)),
      [],
    )
    assert.equal(code, 0)
    const skipped = checks.filter(({ status }) => status === 'skipped')
    assert.deepEqual(skipped, [])
    for (const name of ['addon', 'DNS', 'proxy', 'TLS', 'credentials', 'permissions', 'eviction']) {
      assert.ok(
        checks.some((check) => check.name === name),
        `${name} in ${output}`,
      )
    }
    assert.match(output, /TLSv1\.3.+\(\d+\.\d ms\)/)
  },
)

test(
  'docs/troubleshooting.md: the doctor has found each of its findings',
  needs('redis-server'),
  () => {
    for (const excerpt of firstCells('Findings of the doctor').flatMap(quoted)) {
      assert.ok(
        details.some((detail) => detail.includes(excerpt)),
        excerpt,
      )
    }
  },
)

test('the ACL line of docs/caching.md has all permissions', needs('redis-server'), async (t) => {
  const { env } = await withRedisUser(t, '~velt-auth:*', ...PERMISSIONS.split(' '))
  const { checks } = await doctor(t, { env })
  assert.equal(checks.find(({ name }) => name === 'permissions').status, 'ok')
})

test('a cluster: the trial finds a key on the node', needs('redis-server'), async (t) => {
  const { urls } = await startRedisCluster(t)
  for (const url of urls) {
    const { checks } = await doctor(t, { ...(await velt(t)), args: ['--redis', url] })
    assert.equal(checks.find(({ name }) => name === 'permissions').status, 'ok')
  }
})

test('the trial leaves no key in Redis', needs('redis-server'), async (t) => {
  const redis = await startRedis(t)
  await doctor(t, { ...(await velt(t)), args: ['--redis', redis.url] })
  assert.equal(redis.cli('dbsize').trim(), '0')
})

test('a permission provider that answers is ok, and its token is not shown', async (t) => {
  const setup = await withProvider(t, (authorization) =>
    authorization === 'Bearer a-provider-token' ? { body: deny } : { status: 401 },
  )
  const { checks, output } = await doctor(t, setup)
  const { status, detail } = checks.find(({ name }) => name === 'permission provider')
  assert.equal(status, 'ok', detail)
  assert.ok(!output.includes('a-provider-token'))
})

test('wildcards and www in the allowed domains', async (t) => {
  const setup = await velt(t, { allowedDomains: ['*.example.com', 'acme.example'] })
  const statusOf = async (domain) => {
    const { checks } = await doctor(t, { ...setup, args: ['--domain', domain] })
    return checks.find(({ name }) => name === 'allowed domain').status
  }
  assert.equal(await statusOf('app.example.com'), 'ok')
  assert.equal(await statusOf('https://www.acme.example:8443/x'), 'ok')
  assert.equal(await statusOf('example.com.evil.example'), 'failure')
  assert.equal(await statusOf('notexample.com'), 'failure')
})

test('NO_PROXY: the doctor connects directly, as the client does', async (t) => {
  const tls = await authority.issue()
  const { env } = await velt(t, { tls })
  const proxied = {
    ...env,
    HTTPS_PROXY: 'http://127.0.0.1:1',
    NODE_EXTRA_CA_CERTS: await fileOf(t, authority.pem),
  }
  for (const NO_PROXY of ['localhost', 'example.com, .localhost', '*']) {
    const { checks } = await doctor(t, { env: { ...proxied, NO_PROXY } })
    assert.equal(checks.find(({ name }) => name === 'credentials').status, 'ok', NO_PROXY)
  }
})

test('the text has a line for each check, the cure below it, and a summary', async (t) => {
  const { env } = await velt(t, { requireJwtToken: false })
  const { code, stdout, stderr } = await runCli(t, ['doctor'], { env })
  assert.deepEqual([code, stderr], [1, ''])
  assert.match(stdout, /^ {2}ok {7}VELT_AUTH_TOKEN +…acme$/m)
  assert.match(stdout, /^ {2}FAILED {3}Require JWT Token +It is off.+\n +→ Enable /m)
  assert.match(stdout, /\d+ ok, 0 warnings, 1 failed, \d+ skipped\n$/)
  const lines = stdout.split('\n')
  assert.deepEqual(
    lines.filter((line) => line.length > 100),
    [],
  )
})

test('without the addon, the doctor still checks the rest', async (t) => {
  const { checks } = await doctor(t, await CAUSES['missing addon'].start(t))
  assert.equal(checks.find(({ name }) => name === 'credentials').status, 'ok')
  assert.equal(checks.find(({ name }) => name === 'client options').status, 'skipped')
})
