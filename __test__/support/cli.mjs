// The command line, run as its users do: in a process of its own.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { CHECKOUT } from './processes.mjs'

export const MAIN = join(CHECKOUT, 'lib', 'cli', 'main.js')

// Only these variables, so that a developer's own VELT_API_KEY or HTTPS_PROXY changes no test. On
// Windows, sockets need SystemRoot.
const ENVIRONMENT = { PATH: process.env.PATH, SystemRoot: process.env.SystemRoot }

/** Starts the command line. It is killed when the test ends, if it still runs then. */
export function spawnCli(t, args, { env, main = MAIN, ...options } = {}) {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: CHECKOUT,
    env: { ...ENVIRONMENT, ...env },
    ...options,
  })
  const exit = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exit
  })
  return { child, exit }
}

/** Runs a command to its end. `input` is its stdin. */
export async function runCli(t, args, { input = '', ...options } = {}) {
  const { child, exit } = spawnCli(t, args, options)
  child.stdin.on('error', () => {}) // a command may end without reading its input
  child.stdin.end(input)
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exit])
  return { code, stdout, stderr }
}

/** The environment that makes the client use an emulator. */
export function environmentOf({ url, apiKey, authToken }) {
  return { VELT_BASE_URL: url, VELT_API_KEY: apiKey, VELT_AUTH_TOKEN: authToken }
}

/** Reads lines of a stream until one matches. Returns the match. */
export async function lineMatching(stream, pattern) {
  for await (const line of createInterface(stream)) {
    const match = pattern.exec(line)
    if (match) return match
  }
  throw new Error(`The output ended without a line that matches ${pattern}`)
}
