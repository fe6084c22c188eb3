// The addon can be loaded from any path, several times, and in many workers.

import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { copyPackageWithAddon } from './support/copies.mjs'
import { emulate } from './support/emulator.mjs'
import { runNode, temporaryFolder } from './support/processes.mjs'

test('two copies in one process both work, and recognize errors of each other', async (t) => {
  const { emulator, options } = await emulate(t)
  const folder = await temporaryFolder(t)
  const copies = [
    await copyPackageWithAddon(join(folder, 'a')),
    await copyPackageWithAddon(join(folder, 'b')),
  ]
  const printed = await runNode(`
    import { createRequire } from 'node:module'
    const [a, b] = ${JSON.stringify(copies)}.map((path) => createRequire(path)(path))
    const options = ${JSON.stringify(options)}
    const tokens = await Promise.all([a, b].map((copy) => copy.generateVeltAuthToken('ada', options)))
    const error = await a.generateVeltAuthToken('', options).catch((error) => error)
    const areTwo = a.VeltAuthClient !== b.VeltAuthClient
    console.log(JSON.stringify({ tokens, areTwo, isOurs: error instanceof b.VeltAuthError }))
  `)
  const { tokens, areTwo, isOurs } = JSON.parse(printed)
  assert.deepEqual([areTwo, isOurs], [true, true])
  for (const token of tokens) assert.equal(emulator.verify(token).userId, 'ada')
})

test('50 concurrent workers each get a token and exit', async (t) => {
  const { emulator, options } = await emulate(t)
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    const { VeltAuthClient } = require('velt-auth')
    const client = new VeltAuthClient(workerData.options)
    client.generateToken(workerData.user).then(({ token }) => parentPort.postMessage(token))
  `
  const users = Array.from({ length: 50 }, (_, index) => `user-${index}`)
  const tokens = await Promise.all(
    users.map((user) => {
      const worker = new Worker(source, { eval: true, workerData: { options, user } })
      return new Promise((resolve, reject) => {
        let token
        worker.once('message', (message) => {
          token = message
        })
        worker.once('error', reject)
        // Each worker exits without terminate(): the addon does not keep it alive.
        worker.once('exit', () => resolve(token))
      })
    }),
  )
  assert.deepEqual(
    tokens.map((token) => emulator.verify(token).userId),
    users,
  )
})

test('the addon loads from a path with spaces and non-ASCII characters', async (t) => {
  const { emulator, options } = await emulate(t)
  const folder = join(await temporaryFolder(t), 'Zoë’s código – 文書 😀')
  const copy = await copyPackageWithAddon(folder)
  const token = await runNode(`
    import { pathToFileURL } from 'node:url'
    const { default: velt } = await import(pathToFileURL(${JSON.stringify(join(copy, 'index.js'))}))
    process.stdout.write(await velt.generateVeltAuthToken('ada', ${JSON.stringify(options)}))
  `)
  assert.equal(emulator.verify(token).userId, 'ada')
})

test('node --test passes with 20 test files that load the addon', async (t) => {
  const folder = await temporaryFolder(t)
  await copyPackageWithAddon(folder)
  await mkdir(join(folder, 'test'))
  const source = `
    import { test } from 'node:test'
    import { VeltAuthClient } from 'velt-auth'
    import { startEmulator } from 'velt-auth/emulator'
    test('a token', async () => {
      const emulator = await startEmulator()
      const { url: baseUrl, apiKey, authToken } = emulator
      await new VeltAuthClient({ baseUrl, apiKey, authToken }).generateToken('ada')
      await emulator.close()
    })
  `
  const files = Array.from({ length: 20 }, (_, index) => join(folder, 'test', `${index}.test.mjs`))
  for (const file of files) await writeFile(file, source)
  const printed = await runNode(`
    import { execFileSync } from 'node:child_process'
    const args = ['--test', '--test-reporter=tap', ...${JSON.stringify(files)}]
    console.log(execFileSync(process.execPath, args, { encoding: 'utf8' }))
  `)
  assert.match(printed, /^# pass 20$/m)
})
