// The installed package in Cloudflare's runtime: it cannot load the addon, and must say so.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { build } from 'esbuild'
import { npm } from '../../scripts/release/tools.mjs'
import { publishRelease } from '../support/release.mjs'

const WORKER = `
import { VeltAuthClient } from 'velt-auth'
export default { fetch: () => new Response(typeof VeltAuthClient) }
`

const CONFIG = `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .app)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const app :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2026-01-01",
  compatibilityFlags = ["nodejs_compat"],
);
`

const skip =
  process.platform === 'win32' && 'the program of the npm package is started in another way'

test('workerd does not start a Worker that imports velt-auth, and prints why', {
  skip,
}, async (t) => {
  const release = await publishRelease()
  t.after(release.close)
  const folder = await release.project('worker')
  await release.npm(folder, 'install', 'velt-auth')
  await writeFile(join(folder, 'app.js'), WORKER)
  await writeFile(join(folder, 'config.capnp'), CONFIG)
  // The conditions of wrangler.
  const conditions = ['workerd', 'worker', 'browser']
  const entryPoints = [join(folder, 'app.js')]
  const outfile = join(folder, 'worker.js')
  await build({ entryPoints, bundle: true, format: 'esm', conditions, outfile })

  const workerd = join(npm('workerd', { workerd: '1' }), 'node_modules/workerd/bin/workerd')
  const { status, stderr } = spawnSync(workerd, ['serve', 'config.capnp'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
  })
  assert.equal(status, 1)
  assert.match(stderr, /Error: velt-auth cannot run here: Workers and edge runtimes do not load/)
})
