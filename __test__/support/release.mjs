// The release as its users get it: published on loopback, installed into folders of their own.

import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PLATFORMS, STAGE } from '../../scripts/release/platforms.mjs'
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

  for (const tarball of readdirSync(STAGE).filter((file) => file.endsWith('.tgz'))) {
    await npm(home, 'publish', join(STAGE, tarball))
  }
  for (const { addon, folder } of PLATFORMS) {
    if (existsSync(addon)) continue
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

  return { npm, node, project, close }
}
