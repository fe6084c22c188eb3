// Runs `npm ci` unless node_modules is newer than package-lock.json: so each npm script works on a
// fresh clone, and later runs cost nothing. `node scripts/install.mjs [folder]`

import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'

const cwd = process.argv[2] ?? '.'
const installed = join(cwd, 'node_modules/.package-lock.json')
const lock = join(cwd, 'package-lock.json')

const isInstalled = existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs

if (!isInstalled) {
  const { status } = spawnSync('npm', ['ci'], { cwd, stdio: 'inherit', shell: true })
  process.exit(status ?? 1)
}
