// The page /share of the Express example, with the real @veltdev/react and velt-auth/browser in Chromium.
// examples/site/velt-sdk.js replaces the file that @veltdev/react loads from Velt's CDN.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { VeltAuthClient } from 'velt-auth'
import { createApp } from '../examples/express/app.mjs'
import { createSite } from '../examples/site/server.mjs'
import { launchChromium, openPage, receivedBySdk } from './support/chromium.mjs'
import { emulate } from './support/emulator.mjs'
import { listen } from './support/servers.mjs'
import { needs } from './support/tools.mjs'

const ORGANIZATION = {
  id: 'acme',
  type: 'organization',
  source: 'identify',
  organizationId: 'acme',
}
const PLAN = { id: 'plan', type: 'document', source: 'setDocuments', organizationId: 'acme' }

describe('in Chromium', needs('chromium'), () => {
  let browser

  before(async () => {
    browser = await launchChromium()
  })
  after(() => browser?.close())

  async function start(t) {
    const { emulator, options } = await emulate(t)
    const client = new VeltAuthClient(options)
    t.after(() => client.close())
    const { url } = await listen(
      t,
      createSite(createApp(client), options.apiKey),
      'http://127.0.0.1',
    )

    /** Opens the page in a browser of its own, and signs in. `queries` are those of Velt's SDK. */
    const open = async (userId, { hasSdk = true } = {}) => {
      const page = await openPage(t, browser)
      if (!hasSdk) await page.route('**/velt.js', (route) => route.abort())
      const posts = []
      page.on('request', (request) => {
        if (request.method() === 'POST') posts.push([new URL(request.url()).pathname, request])
      })
      await page.request.post(`${url}/sign-in/${userId}`)
      await page.goto(`${url}/share`)
      const queries = () =>
        posts
          .filter(([path]) => path === '/api/share/permissions')
          .map(([, request]) => request.postDataJSON())
      return { page, posts, queries }
    }
    const storedByVelt = async () => {
      const query = { organizationId: 'acme', userIds: ['bob'], documentIds: ['plan'] }
      return (await client.permissions.get(query)).bob.documents.plan
    }
    const askPermission = async () => {
      const query = { userId: 'bob', resource: PLAN }
      return (await emulator.askPermission(`${url}/api/share/permissions`, [query]))[0]
    }
    return { emulator, url, open, storedByVelt, askPermission }
  }

  test('Ada shares the document for a minute, Bob sees it and the time left, and Ada takes it away', async (t) => {
    const { emulator, open, storedByVelt, askPermission } = await start(t)
    const bob = await open('bob')
    await bob.page.waitForSelector('[data-document=locked]')
    await bob.page.waitForSelector('#velt[data-access=false]')
    const [{ token }] = await receivedBySdk(bob.page, 1)
    assert.equal(emulator.verify(token).userId, 'bob')
    // As Velt's reference shows the body.
    const requests = [ORGANIZATION, PLAN].map((resource) => ({ userId: 'bob', resource }))
    assert.deepEqual(bob.queries()[0], { data: { requests } })
    assert.equal((await askPermission()).hasAccess, false)

    const ada = await open('ada')
    await ada.page.waitForSelector('#velt[data-access=true]')
    assert.equal(await ada.page.innerText('#access-bob'), 'no access')
    await ada.page.click('#share')
    const sharedBefore = Date.now()
    await ada.page.waitForSelector('#remove')
    assert.equal(await ada.page.innerText('#access-bob'), 'viewer')

    await bob.page.waitForSelector('[data-document=open]')
    await bob.page.waitForSelector('#velt[data-access=true]')
    const secondsLeft = async () => Number.parseInt(await bob.page.innerText('#left'), 10)
    const left = await secondsLeft()
    assert.ok(left > 0 && left <= 60, `${left}`)
    while ((await secondsLeft()) >= left);
    const { accessRole, expiresAt } = await storedByVelt()
    assert.equal(accessRole, 'viewer')
    assert.ok(Math.abs(expiresAt * 1000 - (sharedBefore + 60_000)) < 10_000)
    const answer = await askPermission()
    assert.deepEqual([answer.hasAccess, answer.accessRole], [true, 'viewer'])
    assert.ok(Math.abs(answer.expiresAt - expiresAt * 1000) <= 2000)

    await ada.page.click('#remove')
    await ada.page.waitForSelector('#share')
    await bob.page.waitForSelector('[data-document=locked]')
    await bob.page.waitForSelector('#velt[data-access=false]')
    assert.equal((await askPermission()).hasAccess, false)
    assert.equal((await storedByVelt()).errorCode, 'permission_denied')
  })

  test('the access ends after the minute', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
    const { open, askPermission } = await start(t)
    const bob = await open('bob')
    const ada = await open('ada')
    await ada.page.click('#share')
    await bob.page.waitForSelector('[data-document=open]')
    await bob.page.waitForSelector('#velt[data-access=true]')
    t.mock.timers.setTime(Date.now() + 60_000)
    await bob.page.waitForSelector('[data-document=locked]')
    await bob.page.waitForSelector('#velt[data-access=false]')
    await ada.page.waitForSelector('#share')
    assert.equal((await askPermission()).hasAccess, false)
  })

  test("without Velt's CDN, @veltdev/react shows the page, and requests no token", async (t) => {
    const { open } = await start(t)
    const { page, posts } = await open('ada', { hasSdk: false })
    await page.click('#share')
    await page.waitForSelector('#remove')
    assert.equal(await page.innerText('h1'), 'Launch plan')
    assert.deepEqual(
      posts.map(([path]) => path),
      ['/api/share'],
    )
  })

  test('only Ada may share, and nobody without a session sees the document', async (t) => {
    const { emulator, url, open } = await start(t)
    const { page } = await open('bob')
    for (const method of ['POST', 'DELETE']) {
      const { status } = await fetch(`${url}/api/share`, { method })
      assert.equal(status, 401)
      const response = await page.request.fetch(`${url}/api/share`, { method })
      assert.equal(response.status(), 403)
    }
    assert.equal((await fetch(`${url}/api/share`)).status, 401)
    assert.equal(emulator.requests.filter(({ path }) => path.includes('permissions')).length, 0)
  })
})
