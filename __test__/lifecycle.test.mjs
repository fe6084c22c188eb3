// A good citizen of Node: many calls, an end, workers, panics.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import addon from '../lib/addon.js'
import { isRequired } from '../scripts/required.mjs'
import { emulateWithClient } from './support/emulator.mjs'
import { run, runNode } from './support/processes.mjs'

test('1,000 calls at once', async (t) => {
  const { emulator, client } = await emulateWithClient(t)
  const users = Array.from({ length: 1000 }, (_, index) => `user-${index}`)
  const tokens = await Promise.all(users.map((user) => client.generateToken(user)))
  assert.deepEqual(
    tokens.map(({ token }) => emulator.verify(token).userId),
    users,
  )
  assert.equal(emulator.requests.length, 1000)
})

test('closing ends the calls in flight and those to come', async (t) => {
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

test('the process ends by itself when the work is done', async () => {
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

test('a call in flight keeps the process alive until it is settled', async () => {
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

test('exiting in the middle of calls is quiet', async () => {
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

test('a worker is loaded, used and terminated 200 times', async (t) => {
  const { emulator, options } = await emulateWithClient(t)
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    const { VeltAuthClient } = require('velt-auth')
    const client = new VeltAuthClient(workerData)
    client.generateToken('ada').then(({ token }) => {
      // Terminated with one call in flight.
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

test('workers that are the first and only users of the addon come and go', async () => {
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

// Only a debug build can be made to panic; CI makes one.
const skip = !isRequired && !addon.panicInCall && 'the addon is a release build: npm run build:dev'

test('a panic in Rust is a rejected promise, and the next call works', { skip }, async (t) => {
  const { emulator, options } = await emulateWithClient(t)
  const printed = await runNode(`
    import { VeltAuthClient } from 'velt-auth'
    import addon from './lib/addon.js'
    import { done } from './lib/calls.js'
    const panicking = done(addon.panicInCall)
    const rejection = await panicking.catch((error) => error.message)
    const { token } = await new VeltAuthClient(${JSON.stringify(options)}).generateToken('ada')
    console.log(JSON.stringify({ rejection, token }))
  `)
  const { rejection, token } = JSON.parse(printed)
  assert.match(rejection, /bug/)
  assert.equal(emulator.verify(token).userId, 'ada')
})

test('a system without a file left refuses the client, and takes it later', async (t) => {
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

test('a flood of answers leaves the event loop to others in between', async (t) => {
  const { client } = await emulateWithClient(t)
  let turns = 0
  let flooded = true
  const count = () => {
    turns += 1
    if (flooded) setImmediate(count)
  }

  // All of them wait for one answer, and so get theirs in the same moment.
  const calls = Array.from({ length: 2000 }, () => client.getToken('ada'))
  const first = Promise.race(calls).then(count)
  await Promise.all(calls)
  flooded = false
  await first
  assert.ok(turns >= 10, `${turns} turns`)
})
