// The page and the sign-in that the examples share. The token endpoint comes from the framework.

import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { SIGN_OUT, signedIn, signIn } from './sessions.mjs'

const { resolve } = createRequire(import.meta.url)
const here = (name) => fileURLToPath(new URL(name, import.meta.url))

/** The page's import map points to these modules. The path of the SDK contains its version. */
const FILES = [
  [/^\/$/, 'text/html; charset=utf-8', here('page.html')],
  // Only the Express example has the routes of this page.
  [/^\/share$/, 'text/html; charset=utf-8', here('../express/share.html')],
  [/^\/velt-auth-browser\.js$/, 'text/javascript', resolve('velt-auth/browser')],
  [/^\/veltdev-client\.js$/, 'text/javascript', resolve('@veltdev/client/esm/index.js')],
  [/^\/lib\/sdk@[^/]+\/velt\.js$/, 'text/javascript', here('velt-sdk.js')],
]

/**
 * @param {import('node:http').RequestListener} app handles the requests under `/api/`
 * @param {string} apiKey Velt's API key, which is not a secret
 * @param {boolean} emulated whether the page loads velt-sdk.js from here, not the SDK from Velt's CDN
 */
export function createSite(app, apiKey, emulated = true) {
  return createServer(async (req, res) => {
    if (req.url.startsWith('/api/')) return app(req, res)
    if (req.method === 'POST') return json(res, {}, { 'set-cookie': cookieFor(req.url) })
    if (req.url === '/me') {
      return json(res, { user: signedIn(req.headers.cookie), apiKey, emulated })
    }
    // Only the Express example has the page that uses this script.
    if (req.url === '/share.js') {
      return res.writeHead(200, { 'content-type': 'text/javascript' }).end(await sharePage())
    }
    const [, type, file] = FILES.find(([path]) => path.test(req.url)) ?? []
    if (!file) return res.writeHead(404).end()
    res.writeHead(200, { 'content-type': type }).end(await readFile(file))
  })
}

let sharePageScript

/** The page with its packages, in one script. An app has its own bundler. */
function sharePage() {
  sharePageScript ??= bundle(here('../express/share-page.jsx'))
  return sharePageScript
}

async function bundle(entryPoint) {
  const { outputFiles } = await build({
    entryPoints: [entryPoint],
    bundle: true,
    define: { 'process.env.NODE_ENV': '"production"' },
    format: 'esm',
    jsx: 'automatic',
    write: false,
  })
  return outputFiles[0].contents
}

function cookieFor(url) {
  return signIn(url.replace('/sign-in/', '')) ?? SIGN_OUT
}

function json(res, value, headers) {
  res.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
}
