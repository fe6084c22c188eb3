// Bundles of the package for browsers and edge runtimes: they must not contain the server's code, and
// velt-auth/browser must be small.

import assert from 'node:assert/strict'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import * as esbuild from 'esbuild'
import * as vite from 'vite'
import { CHECKOUT, temporaryFolder } from './support/processes.mjs'

/** The conditions with which each tool resolves packages for Workers or an edge runtime. */
const EDGE = {
  'Cloudflare (wrangler)': ['workerd', 'worker', 'browser'],
  'Vercel Edge, Next.js Edge': ['edge-light', 'worker', 'browser'],
  'Fastly Compute': ['fastly'],
}
const EDGE_SENTENCE =
  /^velt-auth cannot run here: Workers and edge runtimes do not load native addons/

const SENTENCE = 'velt-auth runs on your server; import velt-auth/browser'

/** Makes an app of one module, with velt-auth installed. */
async function app(t, source) {
  const folder = await temporaryFolder(t)
  await mkdir(join(folder, 'node_modules'))
  await symlink(CHECKOUT, join(folder, 'node_modules/velt-auth'))
  const entry = join(folder, 'app.js')
  await writeFile(entry, source)
  return { folder, entry }
}

/** Each function bundles `entry` into one file, and returns its text. */
const BUNDLERS = {
  async esbuild({ entry }) {
    const { outputFiles } = await esbuild.build({
      entryPoints: [entry],
      bundle: true,
      logLevel: 'silent',
      minify: true,
      write: false,
    })
    return outputFiles[0].text
  },
  async Vite({ folder, entry }) {
    const { output } = await vite.build({
      root: folder,
      configFile: false,
      logLevel: 'silent',
      build: { write: false, rollupOptions: { input: entry } },
    })
    return output[0].code
  },
}

for (const [name, conditions] of Object.entries(EDGE)) {
  test(`${name}: the main entry throws when it is loaded, and contains no server code`, async (t) => {
    const { entry } = await app(
      t,
      "import { VeltAuthClient } from 'velt-auth'\nnew VeltAuthClient()",
    )
    const options = { bundle: true, logLevel: 'silent', write: false, conditions }
    const { outputFiles } = await esbuild.build({ entryPoints: [entry], ...options })
    const [{ text }] = outputFiles
    assert.throws(() => runInNewContext(text), { message: EDGE_SENTENCE })
    assert.ok(!text.includes('VELT_AUTH_TOKEN'))
  })
}

for (const [name, bundle] of Object.entries(BUNDLERS)) {
  test(`${name}: a browser bundle of the main entry throws when it runs, and contains no server code`, async (t) => {
    const source = "import { VeltAuthClient } from 'velt-auth'\nnew VeltAuthClient()"
    const code = await bundle(await app(t, source))
    assert.throws(() => runInNewContext(code), { message: SENTENCE })
    assert.ok(!code.includes('VELT_AUTH_TOKEN'))
  })

  test(`${name}: velt-auth/browser is under 3 kB`, async (t) => {
    const source = "import * as velt from 'velt-auth/browser'\nglobalThis.velt = velt"
    const code = await bundle(await app(t, source))
    const sandbox = {}
    runInNewContext(code, sandbox)
    assert.equal(typeof sandbox.velt.createAuthProvider, 'function')
    const size = gzipSync(code).length
    assert.ok(size < 3000, `${size} bytes gzipped`)
    t.diagnostic(`${size} bytes gzipped`)
  })
}
