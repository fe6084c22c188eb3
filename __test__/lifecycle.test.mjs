// Many calls, close(), process exit, workers and panics.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import addon from '../lib/addon.js'
import { isRequired } from '../scripts/required.mjs'
import { emulateWithClient } from './support/emulator.mjs'
import { run, runNode } from './support/processes.mjs'

test('1,000 concurrent calls each get their own token', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const users = Array.from({ length: 1000 }, (_, index) => `user-${index}`)
  const tokens = await Promise.all(users.map((user) => client.generateToken(user)))
  assert.deepEqual(
    tokens.map(({ token }) => emulator.verify(token).userId),
    users,
  )
  assert.equal(emulator.requests.length, 1000)
})

test('close() rejects current and later calls with ERR_VELT_CLOSED', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  emulator.fault({ stall: 'headers', times: Infinity })
  const calls = [client.generateToken('ada'), client.generateToken('bob')]
  while (emulator.requests.length < 2) await new Promise(setImmediate)
  client.close()
  client.close()
  calls.push(client.generateToken('ada'), client.invalidate({ userId: 'ada' }))
  const outcomes = await Promise.allSettled(calls)
  assert.deepEqual(
    outcomes.map(({ reason }) => [reason?.code, reason?.retryable]),
    Array(4).fill(['ERR_VELT_CLOSED', false]),
  )
  assert.equal(emulator.requests.length, 2)
})

test('an open client does not keep the process alive', async () => {
  const printed = await runNode(`
    import { startEmulator } from 'velt-auth/emulator'
    import { VeltAuthClient } from 'velt-auth'
    const emulator = await startEmulator()
    const { url: baseUrl, apiKey, authToken } = emulator
    const client = new VeltAuthClient({ baseUrl, apiKey, authToken })
    const { token } = await client.generateToken('ada')
    console.log(emulator.verify(token).userId)
    await emulator.close()
  `)
  assert.equal(printed, 'ada\n')
})

test('a pending call keeps the process alive until it settles', async () => {
  const printed = await runNode(`
    import { startEmulator } from 'velt-auth/emulator'
    import { VeltAuthClient } from 'velt-auth'
    const emulator = await startEmulator()
    emulator.fault({ delay: 300 })
    const { url: baseUrl, apiKey, authToken } = emulator
    const client = new VeltAuthClient({ baseUrl, apiKey, authToken })
    client.generateToken('ada').then(async () => {
      console.log('settled')
      await emulator.close()
    })
  `)
  assert.equal(printed, 'settled\n')
})

test('process.exit() during calls prints no error', async () => {
  const printed = await runNode(`
    import { startEmulator } from 'velt-auth/emulator'
    import { VeltAuthClient } from 'velt-auth'
    const emulator = await startEmulator()
    emulator.fault({ stall: 'headers', times: Infinity })
    const { url: baseUrl, apiKey, authToken } = emulator
    const client = new VeltAuthClient({ baseUrl, apiKey, authToken })
    for (let i = 0; i < 100; i += 1) client.generateToken('ada')
    while (emulator.requests.length < 100) await new Promise(setImmediate)
    console.log('leaving')
    process.exit(0)
  `)
  assert.equal(printed, 'leaving\n')
})

test('200 workers in sequence load the addon, call it and are terminated during a call', async (t) => {
  const { emulator, options } = await emulateWithClient(t)
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    const { VeltAuthClient } = require('velt-auth')
    const client = new VeltAuthClient(workerData)
    client.generateToken('ada').then(({ token }) => {
      // The worker is terminated during this call.
      client.generateToken('bob')
      parentPort.postMessage(token)
    })
  `
  for (let round = 0; round < 200; round += 1) {
    const worker = new Worker(source, { eval: true, workerData: options })
    const token = await new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    assert.equal(emulator.verify(token).userId, 'ada')
    await worker.terminate()
  }
})

test('20 workers in sequence use the addon while the main thread never loads it', async () => {
  const printed = await runNode(`
    import { Worker } from 'node:worker_threads'
    const source = \`
      import { parentPort } from 'node:worker_threads'
      import { VeltAuthClient } from 'velt-auth'
      const client = new VeltAuthClient({
        apiKey: 'k', authToken: 'a', baseUrl: 'http://127.0.0.1:1', maxAttempts: 1,
      })
      client.generateToken('ada').catch((error) => parentPort.postMessage(error.code))
    \`
    for (let round = 0; round < 20; round += 1) {
      const worker = new Worker(source, { eval: true })
      const code = await new Promise((resolve) => worker.once('message', resolve))
      if (code !== 'ERR_VELT_NETWORK') throw new Error(code)
      await worker.terminate()
    }
    console.log('done')
  `)
  assert.equal(printed, 'done\n')
})

// Only a debug build has `panicInCall`. CI tests a debug build.
const skip =
  !isRequired && !addon.panicInCall && 'the addon is a release build: npm run build:debug'

test('a panic in Rust rejects the promise, and the next call works', { skip }, async (t) => {
  const { emulator, options } = await emulateWithClient(t)
  const printed = await runNode(`
    import { VeltAuthClient } from 'velt-auth'
    import addon from './lib/addon.js'
    import { run } from './lib/calls.js'
    const panicking = run(undefined, addon.panicInCall)
    const rejection = await panicking.catch((error) => error.message)
    const { token } = await new VeltAuthClient(${JSON.stringify(options)}).generateToken('ada')
    console.log(JSON.stringify({ rejection, token }))
  `)
  const { rejection, token } = JSON.parse(printed)
  assert.match(rejection, /bug/)
  assert.equal(emulator.verify(token).userId, 'ada')
})

test('without free file descriptors the client throws ERR_VELT_CONFIG, and later works', async (t) => {
  if (process.platform === 'win32') return t.skip('Windows has no such limit')
  const { emulator, options } = await emulateWithClient(t)
  const printed = await run('sh', [
    '-c',
    `ulimit -n 100; exec "${process.execPath}" --input-type=module --eval "$0"`,
    `
    import { closeSync, openSync } from 'node:fs'
    import { VeltAuthClient } from 'velt-auth'
    const options = ${JSON.stringify(options)}
    const files = []
    try {
      for (;;) files.push(openSync('/dev/null'))
    } catch {}
    let code
    try {
      new VeltAuthClient(options)
    } catch (error) {
      code = error.code
    }
    for (const file of files) closeSync(file)
    const { token } = await new VeltAuthClient(options).generateToken('ada')
    console.log(JSON.stringify({ code, token }))
    `,
  ])
  const { code, token } = JSON.parse(printed.stdout)
  assert.equal(code, 'ERR_VELT_CONFIG')
  assert.equal(emulator.verify(token).userId, 'ada')
})

test('the event loop runs other callbacks while 2,000 calls settle', async (t) => {
  const { client } = await emulateWithClient(t)
  let turns = 0
  let flooded = true
  const count = () => {
    turns += 1
    if (flooded) setImmediate(count)
  }

  // All calls wait for one request, so they complete at the same time.
  const calls = Array.from({ length: 2000 }, () => client.getToken('ada'))
  const first = Promise.race(calls).then(count)
  await Promise.all(calls)
  flooded = false
  await first
  assert.ok(turns >= 10, `${turns} turns`)
})
