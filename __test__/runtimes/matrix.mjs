// `npm run test:runtimes -- [name …]`: tests the packed package in every runtime that this machine can
// run. Without names, it writes the table to docs/runtimes.md.

import { spawn } from 'node:child_process'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { startEmulator } from 'velt-auth/emulator'
import { CHECKOUT } from '../../scripts/release/platforms.mjs'
import { publishRelease } from '../support/release.mjs'
import { jest, RUNTIMES } from './runtimes.mjs'

const COLUMNS = ['version', 'import', 'require', 'token', 'error', 'abort', 'cache hit', 'exit']

const MINUTE = 60_000

const emulator = await startEmulator()
const stalled = ({ rawBody }) => rawBody.includes('stalled')
emulator.fault({ match: stalled, stall: 'headers', times: Infinity })
const env = {
  PATH: process.env.PATH,
  VELT_BASE_URL: emulator.url,
  VELT_API_KEY: emulator.apiKey,
  VELT_AUTH_TOKEN: emulator.authToken,
}

/** Runs a program to its end. A program that is still running after a minute is killed. */
async function finish([command, ...args], cwd) {
  const child = spawn(command, args, { cwd, env, timeout: MINUTE, killSignal: 'SIGKILL' })
  const [stdout, stderr, ended] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => resolve(signal ?? code))
    }),
  ])
  return { stdout, ended, lastLine: stderr.trim().split('\n').at(-1) }
}

/** Makes a folder with the package and the checks. */
async function install(release, name, flags) {
  const folder = await release.project(name.replace(/\W+/g, '-'))
  await release.npm(folder, 'install', 'velt-auth', ...flags)
  for (const file of ['checks.cjs', 'smoke.mjs', 'smoke.jest.cjs']) {
    copyFileSync(join(CHECKOUT, '__test__', 'runtimes', file), join(folder, file))
  }
  return folder
}

async function smoke(release, { name, npm = [], start }) {
  const folder = await install(release, name, npm)
  const { stdout, ended, lastLine } = await finish(start(folder, 'smoke.mjs'), folder)
  const outcomes = stdout.startsWith('{') ? JSON.parse(stdout) : {}
  return { ...outcomes, exit: ended === 0 ? 'ok' : `${ended}: ${lastLine}` }
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

const chosen = process.argv.slice(2)
const isChosen = ({ name }) => chosen.length === 0 || chosen.some((part) => name.includes(part))
const matrix = [
  ...RUNTIMES.map((runtime) => ({ ...runtime, run: (release) => smoke(release, runtime) })),
  { name: 'Jest, 10 files', run: smokeInJest },
].filter(isChosen)

const release = await publishRelease()
const rows = []
for (const { name, run } of matrix) {
  const outcomes = await run(release).catch(({ message }) => ({
    exit: `not tested: ${message.split('\n')[0]}`,
  }))
  console.log(name, outcomes)
  rows.push([name, ...COLUMNS.map((column) => outcomes[column] ?? '–')])
}
await release.close()
await emulator.close()

const line = (cells) => `| ${cells.join(' | ')} |`
const table = [
  line(['', ...COLUMNS]),
  line(Array(COLUMNS.length + 1).fill('---')),
  ...rows.map(line),
]
const page = `# Runtimes

Each row of the table is a runtime, and each column is one of [the checks](https://github.com/velt-auth/velt-auth/blob/main/__test__/runtimes/checks.cjs).
The package was installed from its tarballs. \`npm run test:runtimes\` downloads the runtimes, runs the
checks and writes the table. \`n/a\` means that the check does not apply.

${table.join('\n')}
`
if (chosen.length === 0) writeFileSync(join(CHECKOUT, 'docs', 'runtimes.md'), page)
console.log(table.join('\n'))

const failed = rows.filter(([, , ...cells]) => cells.some((cell) => !['ok', 'n/a'].includes(cell)))
const isSkip = (row) => row.at(-1).startsWith('not tested') && !process.env.CI
process.exitCode = failed.every(isSkip) ? 0 : 1
