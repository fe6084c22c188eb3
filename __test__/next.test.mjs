// The Next.js example, built and started as its readers do.

import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { launchChromium, openPage, receivedBySdk } from './support/chromium.mjs'
import { emulate } from './support/emulator.mjs'
import { run, startServer } from './support/processes.mjs'
import { needs } from './support/tools.mjs'

const FOLDER = fileURLToPath(new URL('../examples/next', import.meta.url))
const NEXT = 'node_modules/.bin/next'
const START = ['start', '--port', '0', '--hostname', '127.0.0.1']

describe('Next.js', needs('chromium'), () => {
  before(async () => {
    const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1' }
    const options = { cwd: FOLDER, env, timeout: 180_000 }
    await run(process.execPath, ['../../scripts/install.mjs'], options)
    await run('npm', ['run', 'build'], options)
  })

  test('@veltdev/react gets a token for a signed-in user; others get a 401', async (t) => {
    const { emulator, options } = await emulate(t)
    const env = {
      VELT_BASE_URL: options.baseUrl,
      VELT_API_KEY: options.apiKey,
      VELT_AUTH_TOKEN: options.authToken,
    }
    const url = await startServer(t, NEXT, START, { cwd: FOLDER, env })
    const stranger = await fetch(`${url}/api/velt/token`, { method: 'POST' })
    assert.equal(stranger.status, 401)

    const browser = await launchChromium()
    t.after(() => browser.close())
    const page = await openPage(t, browser)
    await page.goto(url)
    await page.click('text=Sign in as Bob')
    const [{ token }] = await receivedBySdk(page, 1)
    const { userId, permissions, isAdmin } = emulator.verify(token)
    assert.deepEqual([userId, permissions.resources[0].id, isAdmin], ['bob', 'acme', false])
  })
})
