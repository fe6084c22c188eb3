// Installs what package-lock.json names, unless it is there already: so that each command works on
// a fresh clone, and costs nothing afterwards.

import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'

const INSTALLED = 'node_modules/.package-lock.json'

const isInstalled =
  existsSync(INSTALLED) && statSync(INSTALLED).mtimeMs >= statSync('package-lock.json').mtimeMs

if (!isInstalled) {
  const { status } = spawnSync('npm', ['ci'], { stdio: 'inherit', shell: true })
  process.exit(status ?? 1)
}
