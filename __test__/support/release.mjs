// The release as its users get it: published on loopback, installed into folders of their own.

import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { manifest, PLATFORMS, STAGE } from '../../scripts/release/platforms.mjs'
import { startRegistry } from './registry.mjs'

const execute = promisify(execFile)

/** The npm that runs the tests: an empty PATH has no other. */
const NPM = process.env.npm_execpath

/**
 * Publishes what is in npm/.
 *
 * @returns `project(name)`, an empty folder; `npm(folder, ...args)` and `node(folder, ...args)`,
 *   which run there, with nothing on the PATH; `close()`
 */
export async function publishRelease() {
  const registry = await startRegistry()
  const home = await mkdtemp(join(tmpdir(), 'velt-auth-release-'))
  await writeFile(join(home, '.npmrc'), `${registry.url.replace('http:', '')}/:_authToken=none\n`)
  const env = {
    PATH: home,
    HOME: home,
    // Without it Windows opens no socket.
    SystemRoot: process.env.SystemRoot,
    npm_config_registry: registry.url,
    npm_config_cache: join(home, 'cache'),
    npm_config_userconfig: join(home, '.npmrc'),
  }
  const node = async (cwd, ...args) => {
    const { stdout } = await execute(process.execPath, args, { cwd, env, timeout: 120_000 })
    return stdout
  }
  const npm = (cwd, ...args) =>
    node(cwd, NPM, ...args, '--no-audit', '--no-fund', '--no-update-notifier')

  const tarballs = readdirSync(STAGE).filter((file) => file.endsWith('.tgz'))
  for (const tarball of tarballs) await npm(home, 'publish', join(STAGE, tarball))
  // npm must know of the platforms that were not built here, or it would miss them.
  for (const { packageName, folder } of PLATFORMS) {
    if (tarballs.includes(`${packageName}-${manifest.version}.tgz`)) continue
    registry.announce(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')))
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
