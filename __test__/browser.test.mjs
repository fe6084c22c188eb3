// velt-auth/browser in a real browser, with Velt's real packages. These load Velt's SDK from a CDN;
// here examples/site/velt-sdk.js replaces the SDK.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { VeltAuthClient } from 'velt-auth'
import { createApp } from '../examples/express/app.mjs'
import { createSite } from '../examples/site/server.mjs'
import { launchChromium, openPage, receivedBySdk } from './support/chromium.mjs'
import { emulate } from './support/emulator.mjs'
import { listen } from './support/servers.mjs'
import { needs } from './support/tools.mjs'

/** The page that uses each package, and how a user who is not signed in requests a token there. */
const PAGES = {
  '@veltdev/client': { path: '/', requestToken: (page) => page.click('#nobody') },
  '@veltdev/react': { path: '/react', requestToken: () => {} },
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

  /** Starts an emulator and the example site, and opens a page in the browser. */
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

  for (const [name, { path, requestToken }] of Object.entries(PAGES)) {
    test(`${name}: Velt's SDK gets a token, and a new one when the token expires`, async (t) => {
      const { emulator, url, page, requests, signIn } = await start(t, { tokenLifetime: 4000 })
      await signIn()
      await page.goto(url + path)
      const [{ token }] = await receivedBySdk(page, 1)
      assert.equal(emulator.verify(token).userId, 'ada')
      const [, refreshed] = await receivedBySdk(page, 2)
      assert.notEqual(refreshed.token, token)
      assert.equal(emulator.verify(refreshed.token).userId, 'ada')
      assert.deepEqual(requests, [undefined, undefined])
    })

    test(`${name}: a token that Velt rejects before it expires is replaced, with Cache-Control: no-cache`, async (t) => {
      const { url, page, requests, signIn } = await start(t)
      await signIn()
      await page.goto(url + path)
      await receivedBySdk(page, 1)
      await page.evaluate(() => window.Velt.renew())
      assert.deepEqual(requests, [undefined, 'no-cache'])
    })

    test(`${name}: a 401 is not retried`, async (t) => {
      const { url, page, requests } = await start(t)
      await page.goto(url + path)
      await requestToken(page)
      await page.waitForSelector('velt-panel[data-state=refused]')
      const error = '/api/velt/token responded with 401: Sign in first.'
      assert.deepEqual(await receivedBySdk(page, 1), [{ error }])
      assert.equal(requests.length, 1)
    })

    test(`${name}: a 503 is retried after Retry-After`, async (t) => {
      const { emulator, url, page, signIn } = await start(t)
      emulator.fault({ status: 503, retryAfter: 2 })
      const { mock: logged } = t.mock.method(console, 'error', () => {})
      await signIn()
      await page.goto(url + path)
      const [{ token }] = await receivedBySdk(page, 1)
      assert.equal(emulator.verify(token).userId, 'ada')
      const [first, second] = emulator.requests
      assert.ok(second.receivedAt - first.receivedAt >= 2000)
      assert.equal(logged.callCount(), 1)
    })
  }

  test('fetchVeltToken gets the token for identify(), and a new one after it expires', async (t) => {
    const { emulator, url, page, requests, signIn } = await start(t, { tokenLifetime: 4000 })
    await page.goto(url)
    await page.waitForFunction(() => window.Velt)
    // The page was loaded before the sign-in, so it does not request a token itself.
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
    const [, { token }] = await receivedBySdk(page, 2)
    assert.equal(emulator.verify(token).userId, 'ada')
    assert.deepEqual(requests, [undefined, 'no-cache'])
  })

  test('the example page shows the user, organization and email of the token', async (t) => {
    const { url, page } = await start(t)
    await page.goto(url)
    await page.click('#bob')
    const panel = page.locator('velt-panel[data-state=accepted] dl')
    assert.match(await panel.innerText(), /^user\s+bob\s+organization\s+acme\s+email\s+bob@acme/)
  })
})
