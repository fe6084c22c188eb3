// `npm run example:express`: the app on a port of its own, with Velt's emulator behind it unless
// VELT_AUTH_TOKEN says that you have the real thing.

import { VeltAuthClient } from 'velt-auth'
import { startEmulator } from 'velt-auth/emulator'
import { createApp } from './app.mjs'

async function emulated() {
  const { url: baseUrl, apiKey, authToken } = await startEmulator()
  return { baseUrl, apiKey, authToken }
}

const client = new VeltAuthClient(process.env.VELT_AUTH_TOKEN ? {} : await emulated())
const server = createApp(client).listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`)
})
