// Checks for the programs that some tests start. In CI, a missing program is installed. On a laptop,
// the tests that need it are skipped.

import { spawnSync } from 'node:child_process'
import { isRequired } from './required.mjs'

/** Commands, and the option that prints their version. Their Debian packages have the same names. */
const TOOLS = { chromium: '--version', haproxy: '-v', nginx: '-v', 'redis-server': '--version' }

const run = (command, args, stdio = 'inherit') =>
  spawnSync(command, args, { stdio, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })

const install = (...args) =>
  process.getuid() === 0 ? run('apt-get', args) : run('sudo', ['apt-get', ...args])

const isMissing = ([tool, option]) => run(tool, [option], 'ignore').status !== 0
const missing = Object.entries(TOOLS)
  .filter(isMissing)
  .map(([tool]) => tool)

if (missing.length > 0 && isRequired) {
  const failed =
    install('update', '--quiet').status ||
    install('install', '--yes', '--quiet', '--no-install-recommends', ...missing).status
  process.exit(failed ?? 1)
}
for (const tool of missing) console.log(`${tool} is not installed: tests that need it are skipped`)
