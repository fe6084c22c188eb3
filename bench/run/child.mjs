// Starts processes that print lines of JSON. A process that is silent for too long is killed.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** Milliseconds to wait for a line. Every contender needs a few seconds at most. */
const TIMEOUT = 30_000

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: Record<string, string>, stderr?: 'inherit' | 'ignore' }} [options]
 */
export function startChild(command, args, { env, stderr = 'inherit' } = {}) {
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', stderr],
    env: { ...process.env, ...env },
  })
  // A process that has ended closes its stdin. `line` reports that it ended.
  child.stdin.on('error', () => {})
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()

  async function line() {
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT)
    const { value } = await lines.next()
    clearTimeout(timer)
    if (value === undefined)
      throw new Error(`${[command, ...args].join(' ')} ended before it printed a line`)
    return JSON.parse(value)
  }

  return { child, line }
}
