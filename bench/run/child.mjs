// Processes that answer in lines, on a leash: none outlives its time.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** Milliseconds; the longest that any contender takes is a few seconds. */
const LEASH = 30_000

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
  // One that died has no stdin to take; that it is dead is told by the line that does not come.
  child.stdin.on('error', () => {})
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()

  async function line() {
    const leash = setTimeout(() => child.kill('SIGKILL'), LEASH)
    const { value } = await lines.next()
    clearTimeout(leash)
    if (value === undefined) throw new Error(`${[command, ...args].join(' ')} ended early`)
    return JSON.parse(value)
  }

  return { child, line }
}
