// Starts the server of `rust/`, and the proxy that adds distance: one process of each per scenario.

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { sign } from '../../lib/emulator/jwt.js'
import { startChild } from './child.mjs'

export const binary = (name) =>
  fileURLToPath(new URL(`../rust/target/release/${name}`, import.meta.url))

const TWO_DAYS = 48 * 60 * 60 * 1000
const CLAIMS = { userId: 'user-1', apiKey: 'bench-api-key', organizationId: 'organization-1' }

/**
 * Starts the server, and with `distance` the proxy that adds so many milliseconds in each direction.
 * `connections` returns the counters of both: connections, TLS handshakes, and resumed ones.
 */
export async function startServer({ cert, key }, { distance, ...settings } = {}) {
  const token = sign(CLAIMS, Buffer.from('bench'), Date.now(), TWO_DAYS)
  const server = await startBinary('server', { certificate: cert, key, token, ...settings })
  const proxy = distance && (await startBinary('distance', { target: server.answer, distance }))
  return {
    baseUrl: `https://localhost:${(proxy || server).answer}`,
    cpu: () => cpuOf(server.pid),
    async connections() {
      const handshakes = await server.ask()
      return { ...handshakes, connections: proxy ? await proxy.ask() : handshakes.handshakes }
    },
    stop() {
      server.stop()
      proxy?.stop()
    },
  }
}

/** Starts a program of `rust/` that reads settings, and answers them and each empty line with a line. */
async function startBinary(name, settings) {
  const { child, line } = startChild(binary(name), [])
  child.stdin.write(`${JSON.stringify(settings)}\n`)
  const answer = await line()
  async function ask() {
    child.stdin.write('\n')
    return await line()
  }
  return { answer, ask, pid: child.pid, stop: () => child.stdin.end() }
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
