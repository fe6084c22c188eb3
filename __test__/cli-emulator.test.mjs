// `velt-auth emulator` and `velt-auth exec`.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { VeltAuthClient } from 'velt-auth'
import { lineMatching, MAIN, runCli, spawnCli } from './support/cli.mjs'
import { copyPackageWithAddon } from './support/copies.mjs'
import { run, temporaryFolder } from './support/processes.mjs'
import { listen, unusedPort } from './support/servers.mjs'
import { pressCtrlC } from './support/terminal.mjs'
import { needs } from './support/tools.mjs'

/** Starts `velt-auth emulator`. `lines` are the lines on stderr so far. */
async function startEmulatorCommand(t, args = []) {
  const { child, exit } = spawnCli(t, ['emulator', '--port', '0', '--json', ...args])
  const lines = []
  let wake = () => {}
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    lines.push(...chunk.split('\n').filter(Boolean))
    wake()
  })
  let printed = ''
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    printed += chunk
    if (printed.endsWith('}\n')) break
  }
  const env = JSON.parse(printed)
  const control = async (path, body) => {
    const response = await fetch(`${env.VELT_BASE_URL}/_emulator/${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return { status: response.status, ...(await response.json()) }
  }
  const logged = async (pattern) => {
    while (!lines.some((line) => pattern.test(line))) {
      await new Promise((resolve) => {
        wake = resolve
      })
    }
  }
  const client = new VeltAuthClient({
    baseUrl: env.VELT_BASE_URL,
    apiKey: env.VELT_API_KEY,
    authToken: env.VELT_AUTH_TOKEN,
    maxAttempts: 1,
  })
  t.after(() => client.close())
  return { child, exit, env, control, logged, client, lines }
}

test('emulator prints what to export, on the default port', async (t) => {
  const port = await unusedPort()
  const args = ['emulator', '--port', String(port), '--api-key', "it's a key"]
  const { child } = spawnCli(t, args)
  await lineMatching(child.stderr, /listens on http:\/\/127\.0\.0\.1:\d+\. Ctrl\+C stops it/)
  child.kill('SIGTERM')
  const script = await text(child.stdout)
  const print = 'echo "$VELT_BASE_URL|$VELT_API_KEY|$VELT_AUTH_TOKEN"'
  const { stdout } = await run('sh', ['-c', `${script}\n${print}`])
  assert.equal(stdout.trim(), `http://127.0.0.1:${port}|it's a key|emulator-auth-token`)
})

test('emulator logs each request in a line, without credentials', async (t) => {
  const { client, logged, lines, env } = await startEmulatorCommand(t, [
    '--auth-token',
    'a-secret-auth-token',
  ])
  await client.generateToken('ada\nlovelace')
  await logged(
    /^\d\d:\d\d:\d\d POST \/v2\/auth\/generate_token 200 \d+ ms userId="ada\\nlovelace"$/,
  )
  assert.equal(env.VELT_AUTH_TOKEN, 'a-secret-auth-token')
  assert.ok(!lines.join('\n').includes('a-secret-auth-token'))
})

test('emulator: a fault by flag, faults and requests by the control endpoint', async (t) => {
  const fault = '{"error": {"status": "UNAVAILABLE"}}'
  const { client, control, logged } = await startEmulatorCommand(t, ['--fault', fault])
  await assert.rejects(client.generateToken('ada'), { code: 'ERR_VELT_UNAVAILABLE' })
  await logged(/ 503 /)
  const { token } = await client.generateToken('ada')
  const { claims } = await control('verify', { token })
  assert.equal(claims.userId, 'ada')
  assert.match((await control('verify', { token: 'x.y.z' })).error, /not signed by this emulator/)

  assert.equal((await control('faults', { status: 503, times: 'always' })).status, 200)
  for (const user of ['bob', 'eve']) {
    await assert.rejects(client.generateToken(user), { code: 'ERR_VELT_UNAVAILABLE' })
  }
  const { requests } = await control('requests')
  const seen = requests.map(({ status, data }) => [status, data.userId])
  assert.deepEqual(seen, [
    [503, 'ada'],
    [200, 'ada'],
    [503, 'bob'],
    [503, 'eve'],
  ])
  assert.ok(!JSON.stringify(requests).includes('emulator-auth-token'))

  assert.equal((await control('reset', {})).status, 200)
  assert.deepEqual((await control('requests')).requests, [])
  await client.generateToken('bob')
})

test('the control endpoint rejects what it does not know, and says what it knows', async (t) => {
  const { control, env } = await startEmulatorCommand(t)
  assert.match((await control('fault', {})).error, /POST \/_emulator\/faults/)
  assert.match((await control('faults', { status: 42 })).error, /status must be an HTTP status/)
  assert.match((await control('faults', [])).error, /must be an object/)
  // A page of another site can send a text without a preflight request.
  const url = `${env.VELT_BASE_URL}/_emulator/faults`
  const response = await fetch(url, { method: 'POST', body: '{"status": 503}' })
  assert.equal(response.status, 415)
  assert.deepEqual((await control('requests')).requests, [])
})

test('tokens and permissions stay valid for a new connection, as after a page reload', async (t) => {
  const { client, control, env } = await startEmulatorCommand(t)
  const send = async (path, data) => {
    const response = await fetch(env.VELT_BASE_URL + path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        connection: 'close',
        'x-velt-api-key': env.VELT_API_KEY,
        'x-velt-auth-token': env.VELT_AUTH_TOKEN,
      },
      body: JSON.stringify({ data }),
    })
    return (await response.json()).result
  }
  const { token } = await client.generateToken('ada')
  const permissions = { resources: [{ type: 'organization', id: 'acme' }] }
  await send('/v2/auth/permissions/add', { user: { userId: 'ada' }, permissions })
  for (let load = 0; load < 2; load += 1) {
    assert.equal((await control('verify', { token })).claims.userId, 'ada')
    const data = { organizationId: 'acme', userIds: ['ada'] }
    const result = await send('/v2/auth/permissions/get', data)
    assert.equal(result.data.ada.organization.acme.accessRole, 'editor')
  }
})

for (const signal of ['SIGINT', 'SIGTERM']) {
  test(`${signal} stops the emulator: exit code 0, connections closed, port free`, async (t) => {
    const { child, exit, env, client } = await startEmulatorCommand(t)
    await client.generateToken('ada') // leaves a keep-alive connection
    child.kill(signal)
    assert.deepEqual(await exit, [0, null])
    const server = createServer()
    server.listen(Number(new URL(env.VELT_BASE_URL).port), '127.0.0.1')
    await once(server, 'listening')
    server.close()
  })
}

test(
  'Ctrl+C in a terminal stops the emulator: no process is left, port free',
  needs('python3'),
  async () => {
    const command = [process.execPath, MAIN, 'emulator', '--port', '0']
    const { code, output } = await pressCtrlC(command, { ready: 'Ctrl\\+C stops it' })
    assert.equal(code, 0)
    const server = createServer()
    server.listen(Number(/127\.0\.0\.1:(\d+)/.exec(output)[1]), '127.0.0.1')
    await once(server, 'listening')
    server.close()
  },
)

for (const stdin of ['', '/dev/null']) {
  const title = `Ctrl+C in a terminal reaches the command of exec once${stdin && `, also with < ${stdin}`}`
  test(title, needs('python3'), async () => {
    // After the SIGTERM, exec has passed on all earlier signals.
    const source = `
      let interrupts = 0
      process.on('SIGINT', () => {
        interrupts += 1
        if (interrupts === 1) process.kill(process.ppid, 'SIGTERM')
      })
      process.on('SIGTERM', () => {
        console.log(interrupts + ' interrupt(s)')
        process.exit(42)
      })
      setInterval(() => {}, 1000)
      console.log(process.env.VELT_BASE_URL, 'ready')`
    const command = [process.execPath, MAIN, 'exec', '--', process.execPath, '-e', source]
    const { code, output } = await pressCtrlC(command, { ready: 'ready', stdin })
    assert.match(output, /^\^C1 interrupt\(s\)/m)
    assert.equal(code, 42)
    await assert.rejects(fetch(/http:\S+/.exec(output)[0]))
  })
}

test(
  'Ctrl+C ends a command of exec that does not handle it: exit code 130',
  needs('python3'),
  async () => {
    const script = 'sleep 1000 & echo ready; wait' // `sh` lets its background commands ignore Ctrl+C
    const command = [process.execPath, MAIN, 'exec', '--', 'sh', '-c', script]
    assert.equal((await pressCtrlC(command, { ready: 'ready' })).code, 130)
  },
)

test('a port in use is a sentence that says what to do', async (t) => {
  const { port } = await listen(t, createServer(), '')
  for (const args of [['emulator'], ['exec']]) {
    const rest = args[0] === 'exec' ? ['--', 'true'] : []
    const { code, stderr } = await runCli(t, [...args, '--port', String(port), ...rest])
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`^Port ${port} is already in use\\. .+--port 0.+\\n$`))
  }
})

test('an address that this machine does not have is a sentence', async (t) => {
  const { code, stderr } = await runCli(t, ['emulator', '--port', '0', '--host', '192.0.2.1'])
  assert.equal(code, 1)
  assert.match(stderr, /no address 192\.0\.2\.1/)
})

const PYTHON = `
import json, os, urllib.request
def send(path, body):
    request = urllib.request.Request(os.environ['VELT_BASE_URL'] + path, json.dumps(body).encode(), {
        'content-type': 'application/json',
        'x-velt-api-key': os.environ['VELT_API_KEY'],
        'x-velt-auth-token': os.environ['VELT_AUTH_TOKEN'],
    })
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
body = {'data': {'userId': 'ada', 'userProperties': {}, 'permissions': {'resources': []}}}
send('/_emulator/faults', {'error': {'status': 'RESOURCE_EXHAUSTED'}})
print(send('/v2/auth/generate_token', body)[0])
status, answer = send('/v2/auth/generate_token', body)
token = answer['result']['data']['token']
print(status, send('/_emulator/verify', {'token': token})[1]['claims']['userId'])
try:
    import requests
    print(requests.get(os.environ['VELT_BASE_URL'] + '/_emulator/requests').json()['requests'][1]['status'])
except ImportError:
    print('without requests')
`

test("Python's urllib and requests use the emulator", needs('python3'), async (t) => {
  const args = ['exec', '--', 'python3', '-c', PYTHON]
  const { code, stdout, stderr } = await runCli(t, args)
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /^429\n200 ada\n(200|without requests)\n$/)
})

test('exec -- node --test runs the tests of a project with the emulator', async (t) => {
  const folder = await temporaryFolder(t)
  const main = join(await copyPackageWithAddon(folder), 'lib', 'cli', 'main.js')
  await mkdir(join(folder, 'test'))
  await writeFile(
    join(folder, 'test', 'token.test.mjs'),
    `import assert from 'node:assert/strict'
     import { test } from 'node:test'
     import { VeltAuthClient } from 'velt-auth'
     test('a token', async () => {
       const { token } = await new VeltAuthClient().getToken('ada')
       assert.equal(token.split('.').length, 3)
     })
     test('depends on the environment', () => assert.equal(process.env.OUTCOME, 'good'))`,
  )
  const args = ['exec', '--', process.execPath, '--test', '--test-reporter=tap']
  const exec = (OUTCOME) => runCli(t, args, { main, cwd: folder, env: { OUTCOME } })
  const good = await exec('good')
  assert.equal(good.code, 0, good.stdout + good.stderr)
  assert.match(good.stdout, /^# pass 2$/m)
  const bad = await exec('bad')
  assert.equal(bad.code, 1)
  assert.match(bad.stdout, /^# pass 1$/m)
})

test('exec gives the exit code, the arguments and the stdin of the command', async (t) => {
  const source = `process.stdin.on('data', (chunk) => {
    console.log(process.argv[1], String(chunk), process.env.VELT_API_KEY)
    process.exit(7)
  })`
  const args = ['exec', '--api-key', 'k', '--', process.execPath, '-e', source, '--', '--port']
  const { code, stdout, stderr } = await runCli(t, args, { input: 'input' })
  assert.deepEqual([code, stdout, stderr], [7, '--port input k\n', ''])
})

test('exec stops the emulator when the command ends', async (t) => {
  const source = 'console.log(process.env.VELT_BASE_URL)'
  const { stdout } = await runCli(t, ['exec', '--', process.execPath, '-e', source])
  await assert.rejects(fetch(stdout.trim()))
})

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  test(`exec passes ${signal} on to the command, and gives its exit code`, async (t) => {
    const source = `
      process.on('${signal}', () => process.exit(42))
      setInterval(() => {}, 1000)
      console.log('ready')`
    const { child, exit } = spawnCli(t, ['exec', '--', process.execPath, '-e', source])
    await lineMatching(child.stdout, /ready/)
    child.kill(signal)
    assert.deepEqual(await exit, [42, null])
  })
}

test('exec: a command that a signal ends gives 128 and the number of the signal', async (t) => {
  const args = ['exec', '--', process.execPath, '-e', 'process.kill(process.pid, "SIGKILL")']
  assert.equal((await runCli(t, args)).code, 137)
})

test('exec: a command that does not exist is a sentence', async (t) => {
  const { code, stderr } = await runCli(t, ['exec', '--', 'no-such-command'])
  assert.equal(code, 1)
  assert.match(stderr, /no-such-command cannot be started: it was not found in PATH/)
})
