// `npm run demo`: the whole way of a token, from the emulator through the Rust core and the Express
// endpoint to a visitor who is signed in.

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

const stranger = await fetch(`${site}/api/velt/token`, { method: 'POST' })
console.log('Not signed in:', stranger.status, await stranger.text())

const signIn = await fetch(`${site}/sign-in/ada`, { method: 'POST' })
const cookie = signIn.headers.get('set-cookie').split(';')[0]
const answer = await fetch(`${site}/api/velt/token`, { method: 'POST', headers: { cookie } })
const { token, expiresAt } = await answer.json()
console.log('Signed in as ada:', answer.status, token)
console.log('It says:', emulator.verify(token))
console.log('Valid until:', new Date(expiresAt).toISOString())

server.close()
await emulator.close()
