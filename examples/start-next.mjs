import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { startEmulator } from 'velt-auth/emulator'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))

/** Environment variables of the app: it uses the emulator, and velt-sdk.js instead of Velt's SDK. */
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

/** Starts the Next.js app in development mode. If VELT_AUTH_TOKEN is set, the app uses Velt itself. */
export async function startNext() {
  const install = [here('../scripts/install.mjs'), here('next')]
  const { status } = spawnSync(process.execPath, install, { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
  const env = { ...process.env, ...(process.env.VELT_AUTH_TOKEN ? {} : await emulated()) }
  const options = { cwd: here('next'), env, stdio: 'inherit', shell: true }
  const next = spawn('npm', ['run', 'dev'], options)
  next.once('exit', (code) => process.exit(code ?? 1))
}
