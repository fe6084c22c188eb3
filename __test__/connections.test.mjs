// The number of connections to Velt is limited, and calls wait for one in their order.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emulateWithClient } from './support/emulator.mjs'
import { run } from './support/processes.mjs'

test('3,000 users without a cached token get one in a process with 512 file descriptors', async (t) => {
  if (process.platform === 'win32') return t.skip('Windows has no such limit')
  const { emulator, options } = await emulateWithClient(t)
  const { stdout } = await run('sh', [
    '-c',
    `ulimit -n 512; exec "${process.execPath}" --input-type=module --eval "$0"`,
    `
    import { VeltAuthClient } from 'velt-auth'
    const client = new VeltAuthClient(${JSON.stringify(options)})
    const users = Array.from({ length: 3000 }, (_, index) => 'user-' + index)
    const tokens = await Promise.all(users.map((user) => client.getToken(user)))
    console.log(tokens.filter(({ token }) => token).length)
    client.close()
    `,
  ])
  assert.equal(stdout.trim(), '3000')
  assert.ok(emulator.connections <= 160, `${emulator.connections} connections`)
})

test('maxConnections limits the requests in flight, and later calls wait in their order', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { maxConnections: 4 })
  emulator.fault({ delay: 20, times: Infinity })
  const users = Array.from({ length: 40 }, (_, index) => `user-${index}`)
  await Promise.all(users.map((user) => client.getToken(user)))
  assert.deepEqual(
    emulator.requests
      .map(({ body }) => body.data.userId)
      .slice(0, 4)
      .sort(),
    users.slice(0, 4),
  )
  assert.ok(emulator.connections <= 8, `${emulator.connections} connections`)
})

test('a call that waits for a connection until its deadline is ERR_VELT_TIMEOUT', async (t) => {
  const { emulator, client } = await emulateWithClient(t, { maxConnections: 1 })
  emulator.fault({ delay: 2000 })
  const first = client.generateToken('ada')
  while (emulator.requests.length === 0) await new Promise(setImmediate)
  await assert.rejects(client.generateToken('bob', { deadline: 300 }), {
    code: 'ERR_VELT_TIMEOUT',
    retryable: true,
    attempts: 0,
    message: /maxConnections/,
  })
  emulator.verify((await first).token)
  emulator.verify((await client.generateToken('bob')).token)
  assert.equal(emulator.requests.length, 2)
})
