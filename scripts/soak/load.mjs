// The process that the soak measures: a client under load. Every cycle, it also makes a client that it
// closes, and a worker thread that ends by itself or is terminated during its calls.
//
// It gets the options of the client as JSON in its environment. The parent sends 'cycle' when a cycle
// begins, and 'sample' to get the memory after a garbage collection.

import { setTimeout as pause } from 'node:timers/promises'
import { isMainThread, Worker } from 'node:worker_threads'
import { VeltAuthClient } from 'velt-auth'

const USERS = 200
const options = JSON.parse(process.env.SOAK_OPTIONS)

const newClient = () => new VeltAuthClient(options)

/** One call in a hundred of each rare kind; the others are `getToken`. All may fail: faults are on. */
function call(client, number) {
  const user = `user-${number % USERS}`
  const kinds = {
    0: () => client.invalidate({ userId: user }),
    20: () => client.generateToken(user),
    40: () => client.getToken(user, { maxAge: 0 }),
    60: () => client.getToken(user, { signal: AbortSignal.timeout(1), maxAge: 0 }),
    80: () => client.getToken(user, { deadline: 5, maxAge: 0 }),
  }
  const run = kinds[number % 101] ?? (() => client.getToken(user))
  return run().catch(() => {})
}

/** Calls for this time, ten at once every 50 ms. */
async function load(client, milliseconds) {
  const end = performance.now() + milliseconds
  for (let number = 0; performance.now() < end; number += 10) {
    for (let next = number; next < number + 10; next += 1) call(client, next)
    await pause(50)
  }
}

async function shortClient() {
  const client = newClient()
  await load(client, 1000)
  client.close()
}

async function cycle(number) {
  const worker = new Worker(new URL(import.meta.url))
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  await shortClient()
  if (number % 2 === 1) await worker.terminate()
  await ended
}

function sample() {
  // Twice: the first collection runs finalizers, which make more objects free.
  globalThis.gc()
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return { heap: heapUsed + external, handles: process.getActiveResourcesInfo().length }
}

if (isMainThread) {
  let cycles = 0
  process.on('message', (message) => {
    if (message === 'cycle') cycle(cycles++)
    else process.send(sample())
  })
  process.once('disconnect', () => process.exit())
  load(newClient(), Number.POSITIVE_INFINITY)
} else {
  await load(newClient(), 3000)
}
