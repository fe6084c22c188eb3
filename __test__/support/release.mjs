// The packed release: published to a registry on loopback, and installed into empty folders.

import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { manifest, PLATFORMS, STAGE } from '../../scripts/release/platforms.mjs'
import { startRegistry } from './registry.mjs'

const execute = promisify(execFile)

/** The npm that runs the tests. The PATH of the commands below is empty. */
const NPM = process.env.npm_execpath

/**
 * Publishes the tarballs in npm/.
 *
 * @returns `project(name)`, which makes an empty project folder; `npm(folder, ...args)` and
 *   `node(folder, ...args)`, which run there with an empty PATH; `close()`
 */
export async function publishRelease() {
  const registry = await startRegistry()
  const home = await mkdtemp(join(tmpdir(), 'velt-auth-release-'))
  await writeFile(join(home, '.npmrc'), `${registry.url.replace('http:', '')}/:_authToken=none\n`)
  const env = {
    PATH: home,
    HOME: home,
    // On Windows, sockets need SystemRoot.
    SystemRoot: process.env.SystemRoot,
    npm_config_registry: registry.url,
    npm_config_cache: join(home, 'cache'),
    npm_config_userconfig: join(home, '.npmrc'),
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
  }
  const node = async (cwd, ...args) => {
    const { stdout } = await execute(process.execPath, args, { cwd, env, timeout: 120_000 })
    return stdout
  }
  const npm = (cwd, ...args) => node(cwd, NPM, ...args)

  const tarballs = readdirSync(STAGE).filter((file) => file.endsWith('.tgz'))
  for (const tarball of tarballs) await npm(home, 'publish', join(STAGE, tarball))
  // npm needs a manifest of every platform package, also of those that were not built here.
  for (const { packageName, folder } of PLATFORMS) {
    if (tarballs.includes(`${packageName}-${manifest.version}.tgz`)) continue
    registry.addManifest(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')))
  }

  async function project(name) {
    const folder = join(home, name)
    await mkdir(folder)
    await writeFile(join(folder, 'package.json'), '{ "private": true }')
    return folder
  }

  async function close() {
    registry.close()
    await rm(home, { recursive: true })
  }

  return { url: registry.url, npm, node, project, close }
}
