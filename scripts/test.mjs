// `npm run test:node`: all tests in Node. This script lists the files because neither cmd.exe nor
// Node 20 expands `*`.

import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const files = readdirSync('__test__', { recursive: true })
  .filter((file) => file.endsWith('.test.mjs'))
  .map((file) => join('__test__', file))
const options = ['--test', '--test-reporter=spec', '--test-concurrency=3', '--test-timeout=600000']
process.exit(spawnSync(process.execPath, [...options, ...files], { stdio: 'inherit' }).status ?? 1)
