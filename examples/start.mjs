// `npm run example -- express` (or fastify, hono, next): starts a page and the framework's token
// endpoint. It uses the emulator, or, if VELT_AUTH_TOKEN is set, Velt itself.

import { once } from 'node:events'
import { VeltAuthClient } from 'velt-auth'
import { startEmulator } from 'velt-auth/emulator'
import { createSite } from './site/server.mjs'
import { startNext } from './start-next.mjs'

const EXAMPLES = ['express', 'fastify', 'hono', 'next']

async function startSite(name) {
  const { createApp } = await import(`./${name}/app.mjs`)
  const emulated = !process.env.VELT_AUTH_TOKEN
  const { url: baseUrl, apiKey, authToken } = emulated ? await startEmulator() : {}
  const client = new VeltAuthClient({ baseUrl, apiKey, authToken })
  const site = createSite(
    await createApp(client, emulated),
    apiKey ?? process.env.VELT_API_KEY,
    emulated,
  )
  site.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
  await once(site, 'listening')
  console.log(`http://127.0.0.1:${site.address().port}`)
}

const name = process.argv[2]
if (!EXAMPLES.includes(name)) {
  console.error(`Name an example: npm run example -- ${EXAMPLES.join('|')}`)
  process.exit(1)
}
await (name === 'next' ? startNext() : startSite(name))
