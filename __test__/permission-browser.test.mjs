// Velt's development mode in a real browser: a page on another origin sends the queries. The page does
// what Velt's guide says that the SDK does: it posts the envelope as JSON. The SDK itself comes from a CDN.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { veltPermissionHandler } from 'velt-auth/node'
import { launchChromium } from './support/chromium.mjs'
import { listen } from './support/servers.mjs'
import { needs } from './support/tools.mjs'

const query = {
  userId: 'ada',
  resource: { id: 'plan', type: 'document', source: 'setDocuments', organizationId: 'acme' },
}

/** Runs in the page. Resolves to the status and the body, or to the error of `fetch`. */
async function postQuery([url, requests, headers]) {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify({ data: { requests } }),
    })
    return [response.status, await response.json()]
  } catch (error) {
    return String(error)
  }
}

describe('in Chromium', needs('chromium'), () => {
  let browser

  before(async () => {
    browser = await launchChromium()
  })
  after(() => browser?.close())

  /** Opens a page on an origin of its own. */
  async function openSite(t) {
    const site = createServer((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>')
    })
    const { url } = await listen(t, site, 'http://127.0.0.1')
    // Without routes: with them, Playwright itself answers the preflight requests.
    const context = await browser.newContext()
    t.after(() => context.close())
    const page = await context.newPage()
    await page.goto(url)
    return { origin: url, page }
  }

  test('a page of a listed origin gets the answer, and another page gets nothing', async (t) => {
    const listed = await openSite(t)
    const other = await openSite(t)
    const asked = []
    const handle = veltPermissionHandler({
      allowUnauthenticated: true,
      authorize: (given) => {
        asked.push(given)
        return true
      },
      cors: { origins: [listed.origin] },
    })
    const { url } = await listen(t, createServer(handle), 'http://127.0.0.1')

    const [status, { data }] = await listed.page.evaluate(postQuery, [url, [query]])
    assert.equal(status, 200)
    assert.deepEqual(data, [
      {
        userId: 'ada',
        resourceId: 'plan',
        type: 'document',
        organizationId: 'acme',
        hasAccess: true,
      },
    ])
    // The preflight request fails, so the browser does not send the query.
    assert.match(await other.page.evaluate(postQuery, [url, [query]]), /Failed to fetch/)
    assert.deepEqual(asked, [query])
  })

  test('with a token, a page of a listed origin can read the 401, and send a bearer token', async (t) => {
    const { origin, page } = await openSite(t)
    const handle = veltPermissionHandler({
      token: 'token-of-this-machine',
      authorize: () => true,
      cors: { origins: [origin] },
    })
    const { url } = await listen(t, createServer(handle), 'http://127.0.0.1')
    const [status, { error }] = await page.evaluate(postQuery, [url, [query]])
    assert.deepEqual([status, error.code], [401, 'unauthenticated'])
    const headers = { Authorization: 'Bearer token-of-this-machine' }
    assert.equal((await page.evaluate(postQuery, [url, [query], headers]))[0], 200)
  })
})
