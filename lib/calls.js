// Promises of calls that the core has taken, and their ends, which it hands over many at a time.

'use strict'

// Not the globals: a test runner may have replaced them by its own.
const { setMaxListeners } = require('node:events')
const { clearInterval, setImmediate, setInterval } = require('node:timers')
const { Calls, Cancel } = require('./addon.js')
const { VeltAuthError } = require('./errors.js')

/** @typedef {import('./addon.js').Outcome} Outcome */
/** @typedef {import('./addon.js').Token} Native */

/** How long nobody must wait before the core lets go of `settle`, in milliseconds. */
const IDLE = 1000

/** Those who wait, by the number of their call. @type {(((outcome: Outcome) => void) | undefined)[]} */
const waiting = []

/** Numbers that can be used again. @type {number[]} */
const free = []

/**
 * What there is while somebody waits, and a little longer: the core's half, and what keeps the
 * process alive. Not for good, since what the core holds is never collected: a test runner that
 * loads this module for each of its files would keep all of them.
 *
 * @type {{ calls: Calls, alive: NodeJS.Timeout } | undefined}
 */
let open

function begin() {
  return { calls: new Calls(settle), alive: setInterval(rest, IDLE) }
}

function rest() {
  if (free.length < waiting.length) return
  clearInterval(open?.alive)
  open = undefined
  waiting.length = 0
  free.length = 0
}

function settle() {
  if (!open) return
  const batch = open.calls.take()
  for (let i = 0; i < batch.calls.length; i += 1) {
    const call = batch.calls[i]
    const resolve = waiting[call]
    waiting[call] = undefined
    free.push(call)
    resolve?.(batch.outcomes[i])
  }
  if (free.length === waiting.length) open.alive.unref()
  if (batch.hasMore) setImmediate(settle)
}

/**
 * @param {(calls: Calls, call: number) => void} start
 * @returns {Promise<Outcome>}
 */
function outcomeOf(start) {
  return new Promise((resolve) => {
    open ??= begin()
    const call = free.at(-1) ?? waiting.length
    start(open.calls, call)
    free.pop()
    waiting[call] = resolve
    open.alive.ref()
  })
}

/**
 * Runs a call of the core to its token, its error, or `signal.reason`.
 *
 * @param {AbortSignal | undefined} signal
 * @param {(calls: Calls, call: number, cancel?: Cancel) => void} start
 */
async function tokenOf(signal, start) {
  if (!signal) return toToken(/** @type {Native} */ (orThrow(await outcomeOf(start))))
  signal.throwIfAborted()
  const cancel = new Cancel()
  const onAbort = () => cancel.cancel()
  // Many calls may share a signal, and none forgets to take its listener away.
  if (signal instanceof EventTarget) setMaxListeners(0, signal)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const outcome = await outcomeOf((calls, call) => start(calls, call, cancel))
    if (outcome === null) signal.throwIfAborted()
    return toToken(/** @type {Native} */ (orThrow(outcome)))
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * Runs a call of the core that brings nothing back.
 *
 * @param {(calls: Calls, call: number) => void} start
 */
async function done(start) {
  orThrow(await outcomeOf(start))
}

/** @param {Outcome} outcome */
function orThrow(outcome) {
  if (outcome === null) throw new Error('velt-auth ended this call by a bug of its own: report it')
  if (typeof outcome === 'object' && 'code' in outcome) throw new VeltAuthError(outcome)
  return outcome
}

/** @param {Native} token */
function toToken([token, expiresAt]) {
  return { token, expiresAt }
}

exports.done = done
exports.toToken = toToken
exports.tokenOf = tokenOf
