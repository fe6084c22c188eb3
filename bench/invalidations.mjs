// `node bench/invalidations.mjs [entries …]`, after `npm run bench` has installed the package: how long
// other calls take while 10,000 users are invalidated at once, by the number of entries in the cache.

import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { VeltAuthClient } from 'velt-auth'
import { createAuthority } from '../__test__/support/certificates.mjs'
import { apiKey, authToken } from './request.mjs'
import { startServer } from './run/server.mjs'

const INVALIDATIONS = 10_000
/** Calls at the same time while the cache is filled. */
const FILLERS = 256

const sizes = process.argv.slice(2).map(Number)
const authority = await createAuthority('velt-auth bench CA')
const { baseUrl, stop } = await startServer(await authority.issue())

async function timeOf(call) {
  const started = performance.now()
  await call()
  return performance.now() - started
}

/** Times of calls that are made one after another until `isOver` returns true. */
async function timesOf(call, isOver) {
  const times = []
  while (!isOver()) {
    times.push(await timeOf(call))
    await nextTurn()
  }
  return times
}

async function measure(entries) {
  const cache = { maxEntries: entries }
  const options = { apiKey, authToken, apiVersion: 'v1', baseUrl, ca: authority.pem, cache }
  const client = new VeltAuthClient(options)
  let filled = 1
  const fill = async () => {
    while (filled < entries) await client.getToken(`user-${filled++}`)
  }
  await client.getToken('ada')
  await Promise.all(Array.from({ length: FILLERS }, fill))

  let isOver = false
  const hit = () => client.getToken('ada')
  const upstream = () => client.generateToken('bob')
  const hits = timesOf(hit, () => isOver)
  const requests = timesOf(upstream, () => isOver)
  const total = await timeOf(() => {
    const users = Array.from({ length: INVALIDATIONS }, (_, index) => `user-${index + 1}`)
    return Promise.all(users.map((userId) => client.invalidate({ userId })))
  })
  isOver = true
  const ms = (value) => value.toFixed(1).padStart(9)
  const longest = async (times) => ms(Math.max(...(await times)))
  console.log(
    `${String(entries).padStart(9)} ${ms(total)} ${await longest(hits)} ${await longest(requests)}`,
  )
  client.close()
}

console.log('  entries     total   hit max  call max (ms)')
for (const entries of sizes.length > 0 ? sizes : [10_000, 100_000, 1_000_000])
  await measure(entries)
stop()
