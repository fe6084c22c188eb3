// `npm run demo`: a visitor gets a token from the Express endpoint. The Rust core fetches it from the
// emulator.

import { once } from 'node:events'
import { VeltAuthClient } from 'velt-auth'
import { startEmulator } from 'velt-auth/emulator'
import { createApp } from './express/app.mjs'
import { createSite } from './site/server.mjs'

const emulator = await startEmulator()
const { url: baseUrl, apiKey, authToken } = emulator
const client = new VeltAuthClient({ baseUrl, apiKey, authToken })
const server = createSite(createApp(client), apiKey).listen(0, '127.0.0.1')
await once(server, 'listening')
const site = `http://127.0.0.1:${server.address().port}`

const refused = await fetch(`${site}/api/velt/token`, { method: 'POST' })
console.log('Not signed in:', refused.status, await refused.text())

const signIn = await fetch(`${site}/sign-in/ada`, { method: 'POST' })
const cookie = signIn.headers.get('set-cookie').split(';')[0]
const response = await fetch(`${site}/api/velt/token`, { method: 'POST', headers: { cookie } })
const { token, expiresAt } = await response.json()
console.log('Signed in as ada:', response.status, token)
console.log('Claims of the token:', emulator.verify(token))
console.log('Valid until:', new Date(expiresAt).toISOString())

server.close()
await emulator.close()
