// Runs the checks of the installed package in each row of a table, and writes the table to a document.

import { spawn } from 'node:child_process'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { startEmulator } from 'velt-auth/emulator'
import { CHECKOUT } from '../../scripts/release/platforms.mjs'
import { publishRelease } from '../support/release.mjs'

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
export async function finish([command, ...args], cwd) {
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

/** Copies the checks into a folder. */
export function copyChecks(folder) {
  for (const file of ['checks.cjs', 'smoke.mjs', 'smoke.jest.cjs']) {
    copyFileSync(join(CHECKOUT, '__test__', 'runtimes', file), join(folder, file))
  }
}

/** Runs a command that runs `smoke.mjs`, and returns the outcome of each check. */
export async function smoke(command, folder) {
  const { stdout, ended, lastLine } = await finish(command, folder)
  const outcomes = stdout.startsWith('{') ? JSON.parse(stdout) : {}
  return { ...outcomes, exit: ended === 0 ? 'ok' : `${ended}: ${lastLine}` }
}

/**
 * Runs the rows, prints the table, and sets the exit code. The document is only written if all rows run,
 * without names on the command line.
 *
 * @param {{ document: string, introduction: string, rows: { name: string, run: Function }[] }} table
 *   `run` gets the published release, and resolves to the outcomes
 */
export async function makeTable({ document, introduction, rows }) {
  const chosen = process.argv.slice(2)
  const isChosen = ({ name }) => chosen.length === 0 || chosen.some((part) => name.includes(part))
  const release = await publishRelease()
  const lines = []
  for (const { name, run } of rows.filter(isChosen)) {
    const outcomes = await run(release).catch(({ message }) => ({
      exit: `not tested: ${message.split('\n')[0]}`,
    }))
    console.log(name, outcomes)
    lines.push([name, ...COLUMNS.map((column) => outcomes[column] ?? '–')])
  }
  await release.close()
  await emulator.close()

  const line = (cells) => `| ${cells.join(' | ')} |`
  const head = [line(['', ...COLUMNS]), line(Array(COLUMNS.length + 1).fill('---'))]
  const table = [...head, ...lines.map(line)].join('\n')
  if (chosen.length === 0) {
    writeFileSync(join(CHECKOUT, 'docs', document), `${introduction}\n\n${table}\n`)
  }
  console.log(table)

  const isFine = (cell) => ['ok', 'n/a'].includes(cell)
  const failed = lines.filter(([, , ...cells]) => !cells.every(isFine))
  const isSkip = (cells) => cells.at(-1).startsWith('not tested') && !process.env.CI
  process.exitCode = failed.every(isSkip) ? 0 : 1
}
