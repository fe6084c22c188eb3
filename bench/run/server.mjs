// Starts the server of `rust/`: one process per scenario.

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { sign } from '../../lib/emulator/jwt.js'
import { startChild } from './child.mjs'

export const binary = (name) =>
  fileURLToPath(new URL(`../rust/target/release/${name}`, import.meta.url))

const TWO_DAYS = 48 * 60 * 60 * 1000
const CLAIMS = { userId: 'user-1', apiKey: 'bench-api-key', organizationId: 'organization-1' }

export async function startServer({ cert, key }, settings = {}) {
  const { child, line } = startChild(binary('server'), [])
  const token = sign(CLAIMS, Buffer.from('bench'), Date.now(), TWO_DAYS)
  child.stdin.write(`${JSON.stringify({ certificate: cert, key, token, ...settings })}\n`)
  const port = await line()
  return {
    baseUrl: `https://localhost:${port}`,
    cpu: () => cpuOf(child.pid),
    stop: () => child.stdin.end(),
  }
}

/** CPU time of all threads of a process in microseconds; NaN on systems other than Linux. */
function cpuOf(pid) {
  try {
    const spent = (thread) =>
      Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
    return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + spent(thread), 0) / 1000
  } catch {
    return Number.NaN
  }
}
