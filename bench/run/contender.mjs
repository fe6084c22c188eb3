// One contender, once, in a process of its own: what its scenario's `kind` says, to numbers.

import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'
import { startChild } from './child.mjs'
import { binary } from './server.mjs'

/**
 * @typedef {object} Job
 * @property {string} contender
 * @property {string} baseUrl
 * @property {string} ca PEM of the authority.
 * @property {string} caFile The same in a file.
 * @property {number} callers
 * @property {number} warmup Milliseconds.
 * @property {number} duration Milliseconds.
 */

export const KINDS = { calls, cold, express }

function startNode(script, { caFile, ...job }) {
  const path = fileURLToPath(new URL(`../children/${script}.mjs`, import.meta.url))
  return startChild(process.execPath, [path, JSON.stringify(job)], { NODE_EXTRA_CA_CERTS: caFile })
}

/** @param {Job} job */
async function calls(job) {
  if (job.contender !== 'floor') return await startNode('calls', job).line()
  const { child, line } = startChild(binary('floor'), [])
  child.stdin.end(`${JSON.stringify(job)}\n`)
  return await line()
}

/** @param {Job} job */
async function cold(job) {
  const started = performance.now()
  const sample = await startNode('cold', job).line()
  return { ...sample, firstToken: performance.now() - started, calls: 1 }
}

/** @param {Job} job */
async function express(job) {
  const { child, line } = startNode('express', job)
  const url = `http://127.0.0.1:${await line()}/token`
  const answer = await (await fetch(url, { method: 'POST' })).json()
  if (!(answer.token ?? answer)) throw new Error(`${job.contender} answers without a token`)

  const shoot = (milliseconds) =>
    autocannon({ url, method: 'POST', connections: job.callers, duration: milliseconds / 1000 })
  await shoot(job.warmup)
  child.kill('SIGUSR2')
  const { latency, non2xx, errors } = await shoot(job.duration)
  child.stdin.end()
  const failures = non2xx + errors
  return { ...(await line()), failures, latencyP50: latency.p50, latencyP99: latency.p99 }
}
