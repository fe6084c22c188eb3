// velt-auth/browser in a real browser, on a page whose origin is not that of the token endpoint.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'
import express from 'express'
import { veltTokenHandler } from 'velt-auth/express'
import { createSite } from '../examples/site/server.mjs'
import { launchChromium } from './support/chromium.mjs'
import { emulateWithClient } from './support/emulator.mjs'
import { listen } from './support/servers.mjs'
import { needs } from './support/tools.mjs'

describe('in Chromium, on another origin', needs('chromium'), () => {
  let browser

  before(async () => {
    browser = await launchChromium()
  })
  after(() => browser?.close())

  /** Opens the example's page. Its own server hands out bearer tokens, at `/api/bearer`. */
  async function openSite(t) {
    /** The bearer tokens that the endpoint accepts. */
    const accepted = new Set()
    let count = 0
    const app = (_req, res) => {
      const bearer = `Bearer ${++count}`
      accepted.add(bearer)
      res.end(bearer)
    }
    const { url } = await listen(t, createSite(app, 'key'), 'http://127.0.0.1')
    // Without the routes of `openPage`: they make Playwright answer the preflight requests itself.
    const context = await browser.newContext()
    t.after(() => context.close())
    const page = await context.newPage()
    await page.goto(url)
    return { page, origin: url, accepted }
  }

  /** Starts a token endpoint that takes the user from the bearer token, or from a cookie. */
  async function startEndpoint(t, accepted, cors) {
    const { emulator, client } = await emulateWithClient(t, { maxAttempts: 1 })
    /** The methods of all requests to the endpoint. */
    const methods = []
    const identify = (req) =>
      accepted.has(req.get('authorization')) || req.get('cookie') === 'user=ada' ? 'ada' : null
    const app = express()
    app.get('/sign-in', (_req, res) => res.cookie('user', 'ada', { sameSite: 'lax' }).end())
    app.use((req, _res, next) => next(methods.push(req.method) && undefined))
    app.all('/token', veltTokenHandler({ client, identify, onError: () => {}, cors }))
    const { url } = await listen(t, createServer(app), 'http://127.0.0.1')
    return { emulator, methods, url, endpoint: `${url}/token` }
  }

  /** Calls `fetchVeltToken` in the page, with a bearer token of the page's server. */
  const fetchToken = (page, endpoint, options) =>
    page.evaluate(
      async ([endpoint, options]) => {
        const { fetchVeltToken } = await import('velt-auth/browser')
        const { token, code, message, retryAfter } = await fetchVeltToken(endpoint, options).catch(
          (error) => error,
        )
        return token ? { token } : { code, message, retryAfter }
      },
      [endpoint, options],
    )

  /** Whether the page can read the response to a POST with a bearer token. */
  const canRead = (page, endpoint) =>
    page.evaluate(
      (url) =>
        fetch(url, { method: 'POST', headers: { authorization: 'Bearer x' } }).then(
          () => true,
          () => false,
        ),
      endpoint,
    )

  test('a bearer token that expires between two calls is renewed', async (t) => {
    const { page, origin, accepted } = await openSite(t)
    const { emulator, methods, endpoint } = await startEndpoint(t, accepted, { origins: [origin] })
    await page.evaluate(async (endpoint) => {
      const { createAuthProvider } = await import('velt-auth/browser')
      const headers = async () => ({ authorization: await (await fetch('/api/bearer')).text() })
      window.provider = createAuthProvider({ user: { userId: 'ada' }, endpoint, headers })
    }, endpoint)
    const generate = () => page.evaluate(() => window.provider.generateToken())

    assert.equal(emulator.verify(await generate()).userId, 'ada')
    const [expired] = accepted
    accepted.clear()
    assert.equal(emulator.verify(await generate()).userId, 'ada')
    assert.ok(methods.includes('OPTIONS'))
    const refused = await fetchToken(page, endpoint, { headers: { authorization: expired } })
    // The page can read why the endpoint refused it.
    assert.equal(refused.code, 'unauthenticated')
    assert.equal(refused.message, `${endpoint} responded with 401: Sign in first.`)
  })

  test('cookies are sent with credentials: include', async (t) => {
    const { page, origin } = await openSite(t)
    const cors = { origins: [origin], credentials: true }
    const { emulator, url, endpoint } = await startEndpoint(t, new Set(), cors)
    await page.request.get(`${url}/sign-in`)
    assert.equal((await fetchToken(page, endpoint)).code, 'unauthenticated')
    const { token } = await fetchToken(page, endpoint, { credentials: 'include' })
    assert.equal(emulator.verify(token).userId, 'ada')
  })

  test('the page can read Retry-After', async (t) => {
    const { page, origin, accepted } = await openSite(t)
    const { emulator, endpoint } = await startEndpoint(t, accepted, { origins: [origin] })
    emulator.fault({ status: 503, retryAfter: 61, times: Infinity })
    accepted.add('Bearer x')
    const options = { headers: { authorization: 'Bearer x' } }
    const { code, retryAfter } = await fetchToken(page, endpoint, options)
    assert.deepEqual([code, retryAfter], ['unavailable', 61_000])
  })

  test('other origins are refused, and so are all without `cors`', async (t) => {
    const { page, origin, accepted } = await openSite(t)
    const other = await openSite(t)
    accepted.add('Bearer x')
    for (const [cors, allowed] of [
      [{ origins: [origin] }, [true, false]],
      [undefined, [false, false]],
    ]) {
      const { emulator, methods, endpoint } = await startEndpoint(t, accepted, cors)
      const readable = [await canRead(page, endpoint), await canRead(other.page, endpoint)]
      assert.deepEqual(readable, allowed)
      // A refused preflight request is not followed by the POST.
      assert.deepEqual(methods, cors ? ['OPTIONS', 'POST', 'OPTIONS'] : ['OPTIONS', 'OPTIONS'])
      assert.equal(emulator.requests.length, cors ? 1 : 0)
    }
  })
})
