// `npm run test:runtimes -- [name …]`: tests the packed package in every runtime that this machine can
// run. Without names, it writes the table to docs/runtimes.md.

import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { jest, RUNTIMES } from './runtimes.mjs'
import { copyChecks, finish, makeTable, smoke } from './table.mjs'

/** Makes a folder with the package and the checks. */
async function install(release, name, flags) {
  const folder = await release.project(name.replace(/\W+/g, '-'))
  await release.npm(folder, 'install', 'velt-auth', ...flags)
  copyChecks(folder)
  return folder
}

async function smokeInRuntime(release, { name, npm = [], start }) {
  const folder = await install(release, name, npm)
  return await smoke(start(folder, 'smoke.mjs'), folder)
}

/** Runs the same checks in ten files. An outcome is `ok` only if it is in all files. */
async function smokeInJest(release) {
  const folder = await install(release, 'jest', [])
  const files = Array.from({ length: 10 }, (_, index) => join(folder, `${index}.test.cjs`))
  for (const file of files) copyFileSync(join(folder, 'smoke.jest.cjs'), file)
  const { stdout, ended, lastLine } = await finish(jest(folder, files), folder)
  const outcomes = {
    version: '30',
    require: 'ok',
    import: 'n/a',
    exit: ended === 0 ? 'ok' : `${ended}: ${lastLine}`,
  }
  for (const { assertionResults } of JSON.parse(stdout).testResults) {
    for (const { title, status, failureMessages } of assertionResults) {
      if (outcomes[title] && status === 'passed') continue
      outcomes[title] = status === 'passed' ? 'ok' : failureMessages[0].split('\n')[0]
    }
  }
  return outcomes
}

await makeTable({
  document: 'runtimes.md',
  introduction: `# Runtimes

Each row of the table is a runtime, and each column is one of [the checks](https://github.com/velt-auth/velt-auth/blob/main/__test__/runtimes/checks.cjs).
The package was installed from its tarballs. \`npm run test:runtimes\` downloads the runtimes, runs the
checks and writes the table. \`n/a\` means that the check does not apply.`,
  rows: [
    ...RUNTIMES.map((runtime) => ({
      name: runtime.name,
      run: (release) => smokeInRuntime(release, runtime),
    })),
    { name: 'Jest, 10 files', run: smokeInJest },
  ],
})
