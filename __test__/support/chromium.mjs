// A real browser. It gets the stand-in for Velt's SDK instead of the file of Velt's CDN.

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const STAND_IN = fileURLToPath(new URL('../../examples/site/velt-sdk.js', import.meta.url))

/** Flags that stop Chromium's own network requests, which would disturb the tests. */
const NO_BACKGROUND_REQUESTS = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-quic',
  '--disable-sync',
  '--no-first-run',
]

export async function launchChromium() {
  const executablePath = execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim()
  // CI runs as root, and Chromium's sandbox does not work as root.
  return await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', ...NO_BACKGROUND_REQUESTS],
  })
}

/** Opens a page in a new browser context, without cookies. */
export async function openPage(t, browser) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 620 } })
  t.after(() => context.close())
  await context.route('https://cdn.velt.dev/lib/sdk@*/velt.js', (route) =>
    route.fulfill({ contentType: 'text/javascript', path: STAND_IN }),
  )
  return await context.newPage()
}

/** Waits until Velt's SDK has received `count` tokens or errors, and returns them. */
export async function receivedBySdk(page, count) {
  await page.waitForFunction((count) => window.Velt?.log.length >= count, count)
  return await page.evaluate(() => window.Velt.log)
}
