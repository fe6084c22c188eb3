// The browser's half in a real browser, with Velt's real packages. Their SDK comes from a CDN; here
// examples/site/velt-sdk.js plays it.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { VeltAuthClient } from 'velt-auth'
import { createApp } from '../examples/express/app.mjs'
import { createSite } from '../examples/site/server.mjs'
import { brought, launchChromium, openPage } from './support/chromium.mjs'
import { emulate } from './support/emulator.mjs'
import { listen } from './support/servers.mjs'
import { needs } from './support/tools.mjs'

/** Where each package is used, and how a visitor who is not signed in comes to ask there. */
const PAGES = {
  '@veltdev/client': { path: '/', ask: (page) => page.click('#nobody') },
  '@veltdev/react': { path: '/react', ask: () => {} },
}

async function bundleReactPage() {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('support/react-page.mjs', import.meta.url))],
    bundle: true,
    define: { 'process.env.NODE_ENV': '"production"' },
    format: 'esm',
    write: false,
  })
  const script = outputFiles[0].text.replaceAll('</script', '<\\/script')
  return `<!doctype html><div id="root"></div><script type="module">${script}</script>`
}

describe('in Chromium', needs('chromium'), () => {
  let browser
  let reactPage

  before(async () => {
    browser = await launchChromium()
    reactPage = await bundleReactPage()
  })
  after(() => browser?.close())

  /** The example with an emulator behind it, and a visitor's page before it. */
  async function start(t, emulatorOptions) {
    const { emulator, options } = await emulate(t, emulatorOptions)
    const client = new VeltAuthClient({ ...options, maxAttempts: 1 })
    t.after(() => client.close())
    const site = createSite(createApp(client), options.apiKey)
    const { url } = await listen(t, site, 'http://127.0.0.1')
    const page = await openPage(t, browser)
    await page.route(`${url}/react`, (route) =>
      route.fulfill({ contentType: 'text/html', body: reactPage }),
    )
    /** The `Cache-Control` of each token request. */
    const requests = []
    page.on('request', (request) => {
      if (request.url() === `${url}/api/velt/token`) {
        requests.push(request.headers()['cache-control'])
      }
    })
    const signIn = () => page.request.post(`${url}/sign-in/ada`)
    return { emulator, url, page, requests, signIn }
  }

  for (const [name, { path, ask }] of Object.entries(PAGES)) {
    test(`${name}: a token arrives, and expiry leads to a new one`, async (t) => {
      const { emulator, url, page, requests, signIn } = await start(t, { tokenLifetime: 4000 })
      await signIn()
      await page.goto(url + path)
      const [{ token }] = await brought(page, 1)
      assert.equal(emulator.verify(token).userId, 'ada')
      const [, renewed] = await brought(page, 2)
      assert.notEqual(renewed.token, token)
      assert.equal(emulator.verify(renewed.token).userId, 'ada')
      assert.deepEqual(requests, [undefined, undefined])
    })

    test(`${name}: a token that fails before its time may not come from a cache`, async (t) => {
      const { url, page, requests, signIn } = await start(t)
      await signIn()
      await page.goto(url + path)
      await brought(page, 1)
      await page.evaluate(() => window.Velt.renew())
      assert.deepEqual(requests, [undefined, 'no-cache'])
    })

    test(`${name}: 401 ends it at once`, async (t) => {
      const { url, page, requests } = await start(t)
      await page.goto(url + path)
      await ask(page)
      await page.waitForSelector('velt-panel[data-state=refused]')
      const error = '/api/velt/token responded with 401: Sign in first.'
      assert.deepEqual(await brought(page, 1), [{ error }])
      assert.equal(requests.length, 1)
    })

    test(`${name}: after 503 it asks again, when Retry-After says`, async (t) => {
      const { emulator, url, page, signIn } = await start(t)
      emulator.fault({ status: 503, retryAfter: 2 })
      const { mock: logged } = t.mock.method(console, 'error', () => {})
      await signIn()
      await page.goto(url + path)
      const [{ token }] = await brought(page, 1)
      assert.equal(emulator.verify(token).userId, 'ada')
      const [refused, answered] = emulator.requests
      assert.ok(answered.receivedAt - refused.receivedAt >= 2000)
      assert.equal(logged.callCount(), 1)
    })
  }

  test('identify() with fetchVeltToken, before and after expiry', async (t) => {
    const { emulator, url, page, requests, signIn } = await start(t, { tokenLifetime: 4000 })
    await page.goto(url)
    await page.waitForFunction(() => window.Velt)
    // Only now, so that the page does not see it, and leaves the rest to this test.
    await signIn()
    await page.evaluate(async () => {
      const { getVeltClient } = await import('@veltdev/client')
      const { fetchVeltToken } = await import('velt-auth/browser')
      const client = await getVeltClient()
      const identify = async (options) => {
        const { token } = await fetchVeltToken('/api/velt/token', options)
        await client.identify({ userId: 'ada' }, { authToken: token })
      }
      client.on('error').subscribe(({ code }) => {
        if (code === 'token_expired') identify({ fresh: true })
      })
      await identify()
    })
    const [, { token }] = await brought(page, 2)
    assert.equal(emulator.verify(token).userId, 'ada')
    assert.deepEqual(requests, [undefined, 'no-cache'])
  })

  test('the example page shows whose token Velt has', async (t) => {
    const { url, page } = await start(t)
    await page.goto(url)
    await page.click('#bob')
    const panel = page.locator('velt-panel[data-state=accepted] dl')
    assert.match(await panel.innerText(), /^user\s+bob\s+organization\s+acme\s+email\s+bob@acme/)
  })
})
