// `npm run secrets-in-memory`: how often the credentials and a token are in the memory of a process that has
// fetched tokens for 21 users, and where. It needs Linux. docs/production.md has the numbers.

import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { startEmulator } from 'velt-auth/emulator'
import { search } from './search.mjs'

const secret = (name) => `${name}-${randomBytes(12).toString('hex')}`

async function run(apiVersion) {
  const secrets = { apiKey: secret('key'), authToken: secret('auth'), token: secret('token') }
  const { apiKey, authToken, token } = secrets
  const emulator = await startEmulator({ apiKey, authToken })
  const body = JSON.stringify({ result: { data: { token } } })
  emulator.fault({ match: ({ rawBody }) => rawBody.includes('"eve"'), body, times: Infinity })
  const child = fork(new URL('process.mjs', import.meta.url), [apiVersion], {
    execArgv: ['--expose-gc'],
    env: {
      PATH: process.env.PATH,
      VELT_BASE_URL: emulator.url,
      VELT_API_KEY: apiKey,
      VELT_AUTH_TOKEN: authToken,
    },
  })
  const rows = []
  for (const _ of ['open', 'closed']) {
    const [when] = await once(child, 'message')
    for (const [name, text] of Object.entries(secrets)) {
      rows.push({ apiVersion, when, secret: name, ...search(child.pid, text) })
    }
    child.send('go on')
  }
  await once(child, 'exit')
  await emulator.close()
  return rows
}

console.table([...(await run('v1')), ...(await run('v2'))])
