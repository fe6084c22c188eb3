// Programs that some tests drive for real. In CI they are installed here, since a missing one is a
// failure there; on a laptop the tests that need one skip, and say so.

import { spawnSync } from 'node:child_process'
import { isRequired } from './required.mjs'

/** Commands, and the Debian packages that have them. */
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
