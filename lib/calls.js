// Makes a promise for each call of the addon. The addon returns the outcomes in batches.

'use strict'

// Imported, because a test runner may have replaced the global timers with fake timers.
const { setMaxListeners } = require('node:events')
const { clearInterval, setImmediate, setInterval } = require('node:timers')
const { Calls, Cancel } = require('./addon.js')
const { VeltAuthError } = require('./errors.js')

/** @typedef {import('./addon.js').Outcome} Outcome */
/** @typedef {import('./addon.js').Token} NativeToken */

/** How often the idle state is checked, in milliseconds. See `releaseIfIdle`. */
const IDLE_CHECK = 1000

/** How many digits a `CachedToken` begins with. */
const DIGITS = 14

/** The char code of `'0'`. */
const ZERO = 48

/** `resolve` of each pending promise, by call number. @type {(((outcome: Outcome) => void) | undefined)[]} */
const resolvers = []

/** Call numbers that can be used again. @type {number[]} */
const freeNumbers = []

/**
 * Exists while calls are pending, and up to `IDLE_CHECK` longer. `native` is the object of the addon.
 * `timer` keeps the process alive while calls are pending.
 *
 * `native` must be released when idle: the addon holds a reference to `takeOutcomes`, so
 * `takeOutcomes` and its whole realm are not garbage-collected. A test runner that loads this module
 * once for each test file would leak every copy.
 *
 * @type {{ native: Calls, timer: NodeJS.Timeout } | undefined}
 */
let active

function activate() {
  return { native: new Calls(takeOutcomes), timer: setInterval(releaseIfIdle, IDLE_CHECK) }
}

function releaseIfIdle() {
  if (freeNumbers.length < resolvers.length) return
  clearInterval(active?.timer)
  active = undefined
  resolvers.length = 0
  freeNumbers.length = 0
}

/** Resolves the promises of a batch. The addon calls this when outcomes are ready. */
function takeOutcomes() {
  if (!active) return
  const batch = active.native.take()
  for (let i = 0; i < batch.calls.length; i += 1) {
    const call = batch.calls[i]
    const resolve = resolvers[call]
    resolvers[call] = undefined
    freeNumbers.push(call)
    resolve?.(batch.outcomes[i])
  }
  if (freeNumbers.length === resolvers.length) active.timer.unref()
  if (batch.hasMore) setImmediate(takeOutcomes)
}

/**
 * @param {(calls: Calls, call: number) => void} start starts the call with the number `call`
 * @returns {Promise<Outcome>}
 */
function outcomeOf(start) {
  return new Promise((resolve) => {
    active ??= activate()
    const call = freeNumbers.at(-1) ?? resolvers.length
    start(active.native, call)
    // The call is registered after `start`, because `start` may throw.
    freeNumbers.pop()
    resolvers[call] = resolve
    active.timer.ref()
  })
}

/**
 * Runs a call of the addon. Resolves to its outcome, or rejects with its error or `signal.reason`.
 *
 * @param {AbortSignal | undefined} signal
 * @param {(calls: Calls, call: number, cancel?: Cancel) => void} start
 */
async function run(signal, start) {
  if (!signal) return orThrow(await outcomeOf(start))
  signal.throwIfAborted()
  const cancel = new Cancel()
  const onAbort = () => cancel.cancel()
  // Node warns when a signal has 11 listeners. Here this is no leak: many calls may share a signal,
  // and each call removes its listener.
  if (signal instanceof EventTarget) setMaxListeners(0, signal)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const outcome = await outcomeOf((calls, call) => start(calls, call, cancel))
    if (outcome === null) signal.throwIfAborted()
    return orThrow(outcome)
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * Runs a call of the addon that returns a token.
 *
 * @param {AbortSignal | undefined} signal
 * @param {(calls: Calls, call: number, cancel?: Cancel) => void} start
 */
async function tokenOf(signal, start) {
  const [token, expiresAt] = /** @type {NativeToken} */ (await run(signal, start))
  return { token, expiresAt }
}

/** @param {Outcome} outcome */
function orThrow(outcome) {
  // `null` without an abort means that the Rust code panicked.
  if (outcome === null) throw new Error('This call failed by a bug in velt-auth. Please report it.')
  if (typeof outcome === 'object' && Object.hasOwn(outcome, 'code')) {
    throw new VeltAuthError(/** @type {import('./addon.js').Failure} */ (outcome))
  }
  return outcome
}

/** @param {import('./addon.js').CachedToken} cached the expiry in `DIGITS` digits, then the token */
function cachedToken(cached) {
  let expiresAt = 0
  // `Number(cached.slice(0, DIGITS))` would take 0.04 µs more.
  for (let i = 0; i < DIGITS; i += 1) expiresAt = expiresAt * 10 + cached.charCodeAt(i) - ZERO
  return { token: cached.slice(DIGITS), expiresAt }
}

exports.cachedToken = cachedToken
exports.run = run
exports.tokenOf = tokenOf
