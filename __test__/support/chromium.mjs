// A real browser, where the stand-in for Velt's SDK answers as Velt's CDN.

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const STAND_IN = fileURLToPath(new URL('../../examples/site/velt-sdk.js', import.meta.url))

/** Without these it calls home, which is of no use here and is not to be. */
const QUIET = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-quic',
  '--disable-sync',
  '--no-first-run',
]

export async function launchChromium() {
  const executablePath = execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim()
  // CI is root, which Chromium's sandbox refuses.
  return await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', ...QUIET],
  })
}

/** A new visitor: no cookies, one page. */
export async function openPage(t, browser) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 620 } })
  t.after(() => context.close())
  await context.route('https://cdn.velt.dev/lib/sdk@*/velt.js', (route) =>
    route.fulfill({ contentType: 'text/javascript', path: STAND_IN }),
  )
  return await context.newPage()
}

/** Waits until Velt's SDK was brought `count` tokens and errors, and gives them. */
export async function brought(page, count) {
  await page.waitForFunction((count) => window.Velt?.log.length >= count, count)
  return await page.evaluate(() => window.Velt.log)
}
