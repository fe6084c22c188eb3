// Measures the cost of calls for this process: CPU time, memory and the delay of the event loop.

import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'

/** Milliseconds between two samples of the event loop: the least that libuv's timers can do. */
const RESOLUTION = 1

/**
 * Starts to measure. `stop` returns the cost of a number of calls. `delays`, to be called after `stop`,
 * returns the delays of the event loop. It waits for one more turn of the loop, because the turn that
 * stopped the meter may have the longest delay.
 */
export function startMeter() {
  const loop = monitorEventLoopDelay({ resolution: RESOLUTION })
  loop.enable()
  const utilization = performance.eventLoopUtilization()
  const started = performance.now()
  const cpu = process.cpuUsage()
  const mainThread = mainThreadCpu()

  /** @param {number} calls */
  function stop(calls) {
    const elapsed = performance.now() - started
    const { user, system } = process.cpuUsage(cpu)
    const { active, utilization: mainThreadBusy } = performance.eventLoopUtilization(utilization)
    const onMainThread = mainThreadCpu() - mainThread
    return {
      calls,
      elapsed,
      callsPerSecond: (1000 * calls) / elapsed,
      mainCpuPerCall: (Number.isNaN(onMainThread) ? 1000 * active : onMainThread) / calls,
      cpuPerCall: (user + system) / calls,
      mainThreadBusy,
      rss: process.resourceUsage().maxRSS / 1024,
    }
  }

  async function delays() {
    await setTimeout(2 * RESOLUTION)
    loop.disable()
    const delay = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION)
    return {
      delayP50: delay(loop.percentile(50)),
      delayP99: delay(loop.percentile(99)),
      delayMax: delay(loop.max),
    }
  }

  return { stop, delays }
}

/**
 * CPU time of the main thread in microseconds, from Linux (Node 20 has no function for it; the main
 * thread has the id of the process). Elsewhere NaN: then the caller uses the time in which the event
 * loop was active. That is more, because it contains the time in which the thread waits for a core.
 */
function mainThreadCpu() {
  try {
    const schedstat = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8')
    return Number(schedstat.split(' ')[0]) / 1000
  } catch {
    return Number.NaN
  }
}
