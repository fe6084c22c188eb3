// `npm run example:express` (or fastify, hono): the page with the framework's endpoint, and Velt's
// emulator behind it unless VELT_AUTH_TOKEN says that you have the real thing.

import { once } from 'node:events'
import { VeltAuthClient } from 'velt-auth'
import { startEmulator } from 'velt-auth/emulator'
import { createSite } from './site/server.mjs'

const { createApp } = await import(`./${process.argv[2]}/app.mjs`)
const emulated = !process.env.VELT_AUTH_TOKEN
const { url: baseUrl, apiKey, authToken } = emulated ? await startEmulator() : {}
const client = new VeltAuthClient({ baseUrl, apiKey, authToken })
const site = createSite(await createApp(client), apiKey ?? process.env.VELT_API_KEY, emulated)
site.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
await once(site, 'listening')
console.log(`http://127.0.0.1:${site.address().port}`)
