// `node scripts/share-picture.mjs`: opens the page /share of the Express example as Ada and as Bob in
// Chromium, shares the document, and writes docs/share.webp.

import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { VeltAuthClient } from 'velt-auth'
import { startEmulator } from 'velt-auth/emulator'
import { launchChromium } from '../__test__/support/chromium.mjs'
import { createApp } from '../examples/express/app.mjs'
import { createSite } from '../examples/site/server.mjs'

const SIZE = { width: 800, height: 560 }
const MARGIN = 20
const CAPTION = 44

const emulator = await startEmulator()
const { url: baseUrl, apiKey, authToken } = emulator
const client = new VeltAuthClient({ baseUrl, apiKey, authToken })
const server = createSite(createApp(client), apiKey).listen(0, '127.0.0.1')
await once(server, 'listening')
const url = `http://127.0.0.1:${server.address().port}`
const browser = await launchChromium()

async function open(userId) {
  const page = await browser.newPage({ viewport: SIZE })
  await page.request.post(`${url}/sign-in/${userId}`)
  await page.goto(`${url}/share`)
  await page.waitForSelector('velt-panel')
  return page
}

/** Runs in the page: draws the pictures side by side, and returns a WebP in base64. */
async function join([shots, { width, height }, margin, caption]) {
  const canvas = document.createElement('canvas')
  canvas.width = shots.length * (width + margin) + margin
  canvas.height = height + caption + margin
  const context = canvas.getContext('2d')
  context.fillStyle = '#ffffff'
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.strokeStyle = '#d0d7de'
  context.font = '600 19px system-ui'
  for (const [index, { text, png }] of shots.entries()) {
    const image = new Image()
    image.src = `data:image/png;base64,${png}`
    await image.decode()
    const x = margin + index * (width + margin)
    context.drawImage(image, x, caption)
    context.strokeRect(x - 0.5, caption - 0.5, width + 1, height + 1)
    context.fillStyle = '#1f2328'
    context.fillText(text, x, 29)
  }
  return canvas.toDataURL('image/webp', 0.8).split(',')[1]
}

const bob = await open('bob')
const ada = await open('ada')
await ada.click('#share')
await bob.waitForSelector('#velt[data-access=true]')
// Some of the time has passed.
for (const page of [ada, bob]) await page.getByText('51 seconds left').waitFor()
const shot = async (page, text) => ({ text, png: (await page.screenshot()).toString('base64') })
const shots = [
  await shot(ada, 'Ada has shared the document for a minute'),
  await shot(bob, 'Bob sees it until the minute is over, or Ada takes the access away'),
]
const webp = await bob.evaluate(join, [shots, SIZE, MARGIN, CAPTION])
writeFileSync(new URL('../docs/share.webp', import.meta.url), webp, 'base64')

await browser.close()
server.close()
client.close()
await emulator.close()
