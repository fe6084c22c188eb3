// Runs all rounds of one scenario. In a round each contender runs once. Each round starts with another
// contender, so that a machine that becomes slower affects all of them alike.

import os from 'node:os'
import { performance } from 'node:perf_hooks'
import { KINDS } from './contender.mjs'
import { startServer } from './server.mjs'

/**
 * @param {typeof import('../scenarios.mjs').SCENARIOS[number]} scenario
 * @param {{ rounds: number, warmup: number, duration: number }} pace
 * @param {{ ca: string, caFile: string, cert: string, key: string }} certificates
 */
export async function runScenario(scenario, pace, { ca, caFile, ...certificate }) {
  const { contenders, kind, callers = 1, times = 1, rounds = pace.rounds, failing } = scenario
  const server = await startServer(certificate, scenario.server)
  const samples = Object.fromEntries(contenders.map((contender) => [contender, []]))
  try {
    for (let round = 0; round < Math.min(pace.rounds, rounds); round++) {
      for (let turn = 0; turn < contenders.length; turn++) {
        const contender = contenders[(round + turn) % contenders.length]
        const duration = pace.duration * times
        const job = { contender, callers, warmup: pace.warmup, duration, failing }
        const run = () => KINDS[kind]({ ...job, baseUrl: server.baseUrl, ca, caFile })
        samples[contender].push(await withMachine(server, run))
      }
    }
  } finally {
    server.stop()
  }
  return samples
}

/**
 * Adds the connections of the contender, and the CPU use of the server and the machine: it shows what
 * limited the contender.
 */
async function withMachine(server, run) {
  const { connections, handshakes, resumed } = await server.connections()
  const started = performance.now()
  const before = { server: server.cpu(), machine: machineCpu() }
  const sample = await run()
  const elapsed = performance.now() - started
  const machine = machineCpu() - before.machine
  const after = await server.connections()
  return {
    ...sample,
    connections: after.connections - connections,
    handshakes: after.handshakes - handshakes,
    resumed: after.resumed - resumed,
    serverCores: (server.cpu() - before.server) / 1000 / elapsed,
    busyCores: machine / elapsed,
    loadAverage: os.loadavg()[0],
  }
}

/** Milliseconds of CPU time that all processes of this machine used. */
function machineCpu() {
  const busy = ({ times }) => times.user + times.nice + times.sys + times.irq
  return os.cpus().reduce((sum, core) => sum + busy(core), 0)
}
