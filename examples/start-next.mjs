// `npm run example:next`: the app in development, with Velt's emulator behind it and a stand-in for
// Velt's SDK in its page, unless VELT_AUTH_TOKEN says that you have the real things.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { startEmulator } from 'velt-auth/emulator'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))

async function emulated() {
  const { url, apiKey, authToken } = await startEmulator()
  const sdk = readFileSync(here('site/velt-sdk.js'))
  const headers = { 'content-type': 'text/javascript', 'access-control-allow-origin': '*' }
  const cdn = createServer((_req, res) => res.writeHead(200, headers).end(sdk))
  await once(cdn.listen(0, '127.0.0.1'), 'listening')
  return {
    VELT_BASE_URL: url,
    VELT_API_KEY: apiKey,
    VELT_AUTH_TOKEN: authToken,
    VELT_CDN: `http://127.0.0.1:${cdn.address().port}`,
  }
}

const env = { ...process.env, ...(process.env.VELT_AUTH_TOKEN ? {} : await emulated()) }
const next = spawn('npm', ['run', 'dev'], { cwd: here('next'), env, stdio: 'inherit', shell: true })
next.once('exit', (status) => process.exit(status ?? 1))
