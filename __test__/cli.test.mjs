// `npx velt-auth`: help, wrong usage, and the commands `token` and `decode`.

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { environmentOf, MAIN, runCli } from './support/cli.mjs'
import { emulate } from './support/emulator.mjs'
import { run, runNode, temporaryFolder } from './support/processes.mjs'

const COMMANDS = ['doctor', 'emulator', 'exec', 'token', 'decode']
const NOW = Math.floor(Date.now() / 1000)
const HOUR = 3600

/** A token with any claims. Nothing verifies its signature here. */
function tokenOf(claims, header = { alg: 'HS256', typ: 'JWT' }) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part(header)}.${part(claims)}.${'c2ln'.repeat(11).slice(1)}`
}

const CLAIMS = { userId: 'ada', organizationId: 'acme', iat: NOW - HOUR, exp: NOW + 47 * HOUR }

test('each command prints its help with an example, and ends with 0', async (t) => {
  const main = await runCli(t, ['--help'])
  assert.equal(main.code, 0)
  for (const name of COMMANDS) {
    assert.match(main.stdout, new RegExp(`^  ${name} `, 'm'))
    const { code, stdout, stderr } = await runCli(t, [name, '--help'])
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, new RegExp(`^Usage: velt-auth ${name} `))
    assert.match(stdout, new RegExp(`^Examples?\\n(.*\\n)*.*velt-auth ${name}`, 'm'))
    const tooLong = stdout.split('\n').filter((line) => line.length > 100)
    assert.deepEqual(tooLong, [])
  }
})

test('without a command, the help goes to stderr, and the exit code is 2', async (t) => {
  const { stdout } = await runCli(t, ['--help'])
  assert.deepEqual(await runCli(t, []), { code: 2, stdout: '', stderr: stdout })
})

test('--version prints the version of the package', async (t) => {
  const { default: manifest } = await import('velt-auth/package.json', { with: { type: 'json' } })
  assert.equal((await runCli(t, ['--version'])).stdout.trim(), manifest.version)
})

const WRONG = [
  [['emulate'], /Unknown command: emulate\. The commands are doctor, emulator/],
  [['toString'], /Unknown command/],
  [['token'], /--user-id is missing/],
  [['token', '--user-id'], /argument missing/],
  [['token', '--user-id', 'ada', '--api-version', '3'], /must be v1 or v2/],
  [['token', '--user-id', 'ada', '--env', 'no-such-file'], /cannot be read \(ENOENT\)/],
  [['decode', 'a', 'b'], /Unexpected argument: b/],
  [['decode', '--color'], /Unknown option '--color'/],
  [['emulator', '--port', '99999'], /--port must be a port from 0 to 65535/],
  [['emulator', '--fault', 'status=503'], /--fault must be JSON/],
  [['emulator', '--port', '0', '--fault', '{"status": 42}'], /status must be an HTTP status/],
  [['emulator', '--api-key', ''], /apiKey must be a non-empty string/],
  [['exec'], /command is missing: write it after "--"/],
  [['exec', 'node'], /Write the command after "--"/],
]

for (const [args, message] of WRONG) {
  test(`wrong usage ends with 2: velt-auth ${args.join(' ')}`, async (t) => {
    const { code, stdout, stderr } = await runCli(t, args)
    assert.equal(code, 2)
    assert.match(stderr, message)
    assert.match(stderr, /--help" shows how to use it/)
    assert.equal(stdout, '')
  })
}

test('token prints a token, which decode explains', async (t) => {
  const { emulator } = await emulate(t)
  const env = environmentOf(emulator)
  const args = ['token', '--user-id', 'ada', '--organization', 'acme', '--email', 'a@acme.example']
  const { code, stdout, stderr } = await runCli(t, args, { env })
  assert.deepEqual([code, stderr], [0, ''])
  const claims = emulator.verify(stdout.trim())
  const expected = { userId: 'ada', email: 'a@acme.example' }
  assert.deepEqual({ ...claims, ...expected }, claims)

  const decoded = await runCli(t, ['decode'], { input: stdout })
  assert.equal(decoded.code, 0)
  assert.match(decoded.stdout, /userId +ada\n/)
  assert.match(decoded.stdout, /expires .+ \((2 d|1 d 23 h) left\)/)
  assert.match(decoded.stdout, /Nothing wrong was found/)
  assert.match(decoded.stderr, /signature was not verified/)
})

test('token --json prints the token with its end; decode reads this JSON', async (t) => {
  const { emulator } = await emulate(t)
  const args = ['token', '--user-id', 'ada', '--organization', 'acme', '--api-version', 'v2']
  const { stdout } = await runCli(t, [...args, '--json'], { env: environmentOf(emulator) })
  const { token, expiresAt } = JSON.parse(stdout)
  assert.equal(emulator.verify(token).exp * 1000, expiresAt)
  const decoded = await runCli(t, ['decode', '--json'], { input: stdout })
  const { permissions, problems, signatureVerified } = JSON.parse(decoded.stdout)
  const organization = { type: 'organization', id: 'acme', accessRole: 'editor' }
  assert.deepEqual(
    { permissions, problems, signatureVerified },
    {
      permissions: [organization],
      problems: [],
      signatureVerified: false,
    },
  )
})

test('token reads the credentials from the file of --env', async (t) => {
  const { emulator } = await emulate(t)
  const file = join(await temporaryFolder(t), '.env')
  const lines = Object.entries(environmentOf(emulator)).map(([name, value]) => `${name}=${value}`)
  await writeFile(file, lines.join('\n'))
  const { code, stdout } = await runCli(t, ['token', '--user-id', 'ada', '--env', file])
  assert.equal(code, 0)
  assert.equal(emulator.verify(stdout.trim()).userId, 'ada')
})

test('token ends with 1 and names the code, the cause and the doctor if Velt rejects it', async (t) => {
  const { emulator } = await emulate(t)
  const env = { ...environmentOf(emulator), VELT_AUTH_TOKEN: 'a-wrong-auth-token' }
  const { code, stdout, stderr } = await runCli(t, ['token', '--user-id', 'ada'], { env })
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /^ERR_VELT_UNAUTHORIZED: Velt rejected the credentials/)
  assert.match(stderr, /velt-auth doctor/)
  assert.ok(!stderr.includes('a-wrong-auth-token'))
})

/** Tokens, and what `decode` says about them. */
const TOKENS = {
  'no token': ['undefined', /There is no token/],
  'an auth token': ['0123456789abcdef', /has 3 parts with dots .+, this has 1 part\./],
  'a part that is not JSON': ['a.b.c', /a part of it is not JSON/],
  'no signature': [`${tokenOf(CLAIMS).split('.').slice(0, 2).join('.')}.`, /signature is missing/],
  'half of a signature': [tokenOf(CLAIMS).slice(0, -20), /signature is too short.+cut off/],
  'the algorithm none': [tokenOf(CLAIMS, { alg: 'none' }), /not signed/],
  'an expired token': [tokenOf({ ...CLAIMS, exp: NOW - 90 }), /has expired: fetch a new one/],
  'an end in milliseconds': [tokenOf({ ...CLAIMS, exp: NOW * 1000 }), /exp is in milliseconds/],
  'a start in the future': [tokenOf({ ...CLAIMS, iat: NOW + HOUR }), /from the future: the clock/],
  'a numeric user id': [tokenOf({ ...CLAIMS, userId: 7 }), /String\(user\.id\)/],
  'a document without organization': [
    tokenOf({ ...CLAIMS, permissions: { resources: [{ type: 'document', id: 'plan' }] } }),
    /document plan has no organizationId/,
  ],
  'an unknown resource': [
    tokenOf({ ...CLAIMS, permissions: { resources: [{ type: 'file', id: 'plan' }] } }),
    /file plan: the type must be/,
  ],
  'a permission that has ended': [
    tokenOf({
      ...CLAIMS,
      permissions: { resources: [{ type: 'organization', id: 'acme', expiresAt: NOW - 10 }] },
    }),
    /organization acme has ended/,
  ],
  'a permission in milliseconds': [
    tokenOf({
      ...CLAIMS,
      permissions: { resources: [{ type: 'organization', id: 'acme', expiresAt: NOW * 1000 }] },
    }),
    /expiresAt must be a Unix time in seconds, not milliseconds/,
  ],
}

for (const [name, [token, message]] of Object.entries(TOKENS)) {
  test(`decode finds what is wrong: ${name}`, async (t) => {
    const { code, stdout } = await runCli(t, ['decode', token])
    assert.equal(code, 1)
    assert.match(stdout.replace(/\s+/g, ' '), message)
    assert.doesNotMatch(stdout, /Nothing wrong/)
    const json = JSON.parse((await runCli(t, ['decode', token, '--json'])).stdout)
    assert.match(json.problems.join('\n'), message)
  })
}

test('decode shows when permissions end, and what is unusual without being wrong', async (t) => {
  const resources = [
    { type: 'organization', id: 'acme', expiresAt: NOW + 2 * HOUR + 30 },
    { type: 'document', id: 'plan', organizationId: 'acme', accessRole: 'viewer' },
  ]
  const { exp: _, organizationId: __, ...claims } = CLAIMS
  const token = tokenOf({ ...CLAIMS, permissions: { resources } })
  const { code, stdout } = await runCli(t, ['decode', `Bearer ${token}`])
  assert.equal(code, 0)
  assert.match(stdout, /organization +acme, editor, until .+ UTC \(2 h left\)/)
  assert.match(stdout, /document +plan in acme, viewer, as long as the token/)
  assert.match(stdout, /note +The permission for organization acme ends before the token expires/)
  const both = await runCli(t, ['decode', tokenOf({ ...claims, iat: NOW + HOUR })])
  assert.match(both.stdout, /wrong .+(\n {9}.+)*\n {2}note /, 'what is wrong comes first')
  assert.ok(both.stdout.split('\n').every((line) => line.length <= 100))
  const unusual = await runCli(t, ['decode', tokenOf(claims)])
  assert.equal(unusual.code, 0)
  assert.match(unusual.stdout, /There is no end \(exp\)/)
  assert.match(unusual.stdout, /names no organization/)
})

test('decode prints a claim with control characters as text', async (t) => {
  const { stdout } = await runCli(t, ['decode', tokenOf({ ...CLAIMS, name: 'a\u001b[2Jb' })])
  assert.match(stdout, /name +a\\u001b\[2Jb/)
})

test('colours: only in a terminal, or with FORCE_COLOR; NO_COLOR wins', async (t) => {
  const args = ['decode', tokenOf(CLAIMS)]
  const output = async (env) => (await runCli(t, args, { env })).stdout
  assert.ok(!(await output({})).includes('\u001b['))
  assert.ok((await output({ FORCE_COLOR: '1' })).includes('\u001b['))
  assert.ok(!(await output({ FORCE_COLOR: '1', NO_COLOR: '1' })).includes('\u001b['))
})

test('a reader that closes the pipe early causes no error', async () => {
  const { stderr } = await run('sh', ['-c', `"$0" "$1" --help | true`, process.execPath, MAIN])
  assert.equal(stderr, '')
})

test('velt-auth loads nothing of the command line', async () => {
  const loaded = await runNode(`
    import { createRequire } from 'node:module'
    const require = createRequire(import.meta.url)
    require('velt-auth')
    for (const entry of ['express', 'fastify', 'fetch', 'koa', 'node']) require('velt-auth/' + entry)
    console.log(JSON.stringify(Object.keys(require.cache)))
  `)
  const files = JSON.parse(loaded)
  assert.ok(files.some((file) => file.endsWith('.node')))
  assert.deepEqual(
    files.filter((file) => file.includes(join('lib', 'cli', 'x').slice(0, -1))),
    [],
  )
})
