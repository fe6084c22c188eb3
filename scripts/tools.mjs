// Checks for the programs that some tests start. In CI, a missing program is installed. On a laptop,
// the tests that need it are skipped.

import { spawnSync } from 'node:child_process'
import { isRequired } from './required.mjs'

/** Commands, and the Debian packages that contain them. */
const TOOLS = { chromium: 'chromium', 'redis-server': 'redis-server' }

const run = (command, args, stdio = 'inherit') =>
  spawnSync(command, args, { stdio, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })

const install = (...args) =>
  process.getuid() === 0 ? run('apt-get', args) : run('sudo', ['apt-get', ...args])

const missing = Object.keys(TOOLS).filter((tool) => run(tool, ['--version'], 'ignore').status !== 0)

if (missing.length > 0 && isRequired) {
  const packages = missing.map((tool) => TOOLS[tool])
  const failed =
    install('update', '--quiet').status ||
    install('install', '--yes', '--quiet', '--no-install-recommends', ...packages).status
  process.exit(failed ?? 1)
}
for (const tool of missing) console.log(`${tool} is not installed: tests that need it are skipped`)
