// The package loaded by its name, and the examples. These use the sources of the checkout; `release/`
// tests the packed package.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { generateVeltAuthToken, VeltAuthClient, VeltAuthError } from 'velt-auth'
import { run, runNode, startServer } from './support/processes.mjs'

const require = createRequire(import.meta.url)

test('import and require return the same exports', () => {
  assert.deepEqual(
    { ...require('velt-auth') },
    { generateVeltAuthToken, VeltAuthClient, VeltAuthError },
  )
})

test('every entry point of package.json can be loaded', async () => {
  const { exports: entries } = require('velt-auth/package.json')
  const { './package.json': _, ...modules } = entries
  for (const entry of Object.keys(modules)) await import(`velt-auth${entry.slice(1)}`)
})

for (const resolution of ['node16', 'nodenext', 'bundler']) {
  test(`the types of every entry point compile with moduleResolution: ${resolution}`, async () => {
    const module = resolution === 'bundler' ? 'esnext' : resolution
    const options = `--module ${module} --moduleResolution ${resolution} --target es2022 --types node`
    const rest = '--strict --noEmit --skipLibCheck --ignoreConfig __test__/types/usage.mts'
    await run('npx', ['tsc', ...options.split(' '), ...rest.split(' ')])
  })
}

test('the demo returns a token to a signed-in user, and a 401 to others', async () => {
  const printed = await runNode("await import('./examples/demo.mjs')")
  assert.match(printed, /Not signed in: 401/)
  assert.match(printed, /Signed in as ada: 200/)
  assert.match(printed, /userId: 'ada'/)
})

for (const name of ['express', 'fastify', 'hono']) {
  test(`the ${name} example returns a token to a signed-in user, and a 401 to others`, async (t) => {
    const env = { PORT: '0' }
    const url = await startServer(t, process.execPath, ['examples/start.mjs', name], { env })
    const signIn = await fetch(`${url}/sign-in/bob`, { method: 'POST' })
    const cookie = signIn.headers.get('set-cookie').split(';')[0]
    const requestToken = (headers) => fetch(`${url}/api/velt/token`, { method: 'POST', headers })
    assert.equal((await requestToken({ cookie })).status, 200)
    assert.equal((await requestToken({})).status, 401)
  })
}
