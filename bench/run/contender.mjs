// Runs one contender once, in its own process, as the `kind` of its scenario says. Gives a sample.

import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'
import { pypi } from '../../scripts/release/tools.mjs'
import { startChild } from './child.mjs'
import { binary } from './server.mjs'

/**
 * @typedef {object} Job
 * @property {string} contender
 * @property {string} baseUrl
 * @property {string} ca PEM of the certificate authority.
 * @property {string} caFile The same in a file.
 * @property {number} callers
 * @property {number} warmup Milliseconds.
 * @property {number} duration Milliseconds.
 * @property {boolean} [failing] Failures are expected: the stderr of the contender is hidden.
 */

export const KINDS = { calls, burst, cold, express }

const child = (file) => fileURLToPath(new URL(`../children/${file}`, import.meta.url))

/** Contenders that are not JavaScript; they read their job from stdin. */
const PROGRAMS = {
  floor: () => [binary('floor')],
  'velt-py': () => [`${pypi('requests==2.34.2')}/bin/python3`, child('velt_py.py')],
}

function startNode(script, { caFile, failing, ...job }) {
  const args = [child(`${script}.mjs`), JSON.stringify(job)]
  return startChild(process.execPath, args, {
    env: { NODE_EXTRA_CA_CERTS: caFile },
    stderr: failing ? 'ignore' : 'inherit',
  })
}

/** @param {Job} job */
async function calls(job) {
  const program = PROGRAMS[job.contender]
  if (!program) return await startNode('calls', job).line()
  const [command, ...args] = program()
  const started = startChild(command, args)
  started.child.stdin.end(`${JSON.stringify(job)}\n`)
  return await started.line()
}

/** @param {Job} job */
async function burst(job) {
  return await startNode('burst', job).line()
}

/** @param {Job} job */
async function cold(job) {
  const started = performance.now()
  const sample = await startNode('cold', job).line()
  return { ...sample, firstToken: performance.now() - started, calls: 1 }
}

/** @param {Job} job */
async function express(job) {
  const { child: server, line } = startNode('express', job)
  const url = `http://127.0.0.1:${await line()}/token`
  const body = await (await fetch(url, { method: 'POST' })).json()
  if (!(body.token ?? body)) throw new Error(`The endpoint of ${job.contender} sent no token.`)

  const sendRequests = (milliseconds) =>
    autocannon({ url, method: 'POST', connections: job.callers, duration: milliseconds / 1000 })
  await sendRequests(job.warmup)
  server.kill('SIGUSR2')
  const { latency, non2xx, errors } = await sendRequests(job.duration)
  server.stdin.end()
  const failures = non2xx + errors
  return { ...(await line()), failures, latencyP50: latency.p50, latencyP99: latency.p99 }
}
