// Publishes what happens in calls and requests. The client loads this file when somebody subscribes to a
// channel. The addon records, and this file takes the records when a call has ended.

'use strict'

const { performance } = require('node:perf_hooks')
const { cache, request, token } = require('./channels.js')

/** @typedef {import('./addon.js').NativeClient} NativeClient */
/** @typedef {import('../index.js').VeltTokenMessage} TokenMessage */
/** @typedef {import('../index.js').VeltRequestMessage} RequestMessage */
/** @typedef {import('../index.js').VeltCacheMessage} CacheMessage */

/**
 * How many ended calls are kept. A call may end before the request that it started: when it is aborted,
 * when its deadline is short, or when it got an old token after a second.
 */
const MAX_ENDED = 1000

/** The number of the last call. */
let lastNumber = 0

/**
 * A call. `offset` is its Unix time minus its `performance.now()`: so all times of a call are in order,
 * even if the system clock is set meanwhile.
 *
 * @typedef {{ message: TokenMessage, offset: number }} Call
 */

/** Records the calls of one client, and publishes them. */
class Tracer {
  #native
  /** @type {Map<number, Call>} */
  #pending = new Map()
  /** @type {Map<number, Call>} */
  #ended = new Map()

  /** @param {NativeClient} native */
  constructor(native) {
    this.#native = native
    native.record(true)
  }

  /** Stops to record. */
  stop() {
    this.#native.record(false)
  }

  /**
   * Runs a call, and publishes it in `velt-auth:token`.
   *
   * @template T
   * @param {TokenMessage['method']} method
   * @param {(traced: import('./addon.js').TracedCall) => Promise<T>} start starts the call
   * @returns {Promise<T>}
   */
  async call(method, start) {
    const number = nextNumber()
    const began = performance.now()
    /** @type {TokenMessage} */
    const message = { method, startTime: Date.now() }
    this.#pending.set(number, { message, offset: message.startTime - began })
    /** @type {T | undefined} */
    let result
    // `tracePromise` adds the result of its function to the message. The token must not be in it.
    await token.tracePromise(async () => {
      try {
        // A subscriber of `start` may have set it to anything.
        const traceparent = /** @type {unknown} */ (message.traceparent)
        result = await start({
          number,
          traceparent: typeof traceparent === 'string' ? traceparent : undefined,
        })
      } finally {
        this.#end(number)
        message.duration = performance.now() - began
      }
    }, message)
    return /** @type {T} */ (result)
  }

  /**
   * The call has just got a token from the cache of this process.
   *
   * @param {import('./addon.js').TracedCall} traced
   */
  hit({ number }) {
    const { calls } = this.flush()
    const message = this.#pending.get(number)?.message
    if (message) message.cache = calls.findLast(({ call }) => call === undefined)?.source ?? 'hit'
    this.#pending.delete(number)
  }

  /**
   * Runs an invalidation, and publishes it in `velt-auth:cache`.
   *
   * @param {() => Promise<unknown>} run
   */
  async invalidation(run) {
    const startTime = Date.now()
    const began = performance.now()
    /** @type {{ code?: import('../index.js').VeltAuthErrorCode }} */
    const failure = {}
    try {
      await run()
    } catch (error) {
      failure.code = /** @type {import('../index.js').VeltAuthError} */ (error).code
      throw error
    } finally {
      this.flush()
      const duration = performance.now() - began
      cache.publish({ type: 'invalidation', startTime, duration, ...failure })
    }
  }

  /** Takes the records of the addon, and publishes them. */
  flush() {
    const records = this.#native.takeRecords()
    const now = performance.now()
    const timeNow = Date.now()
    for (const record of records.requests) this.#publishRequest(record, now)
    for (const { call, source, joined } of records.calls) {
      const message = call !== undefined && this.#pending.get(call)?.message
      // A miss whose request found a token in the shared cache is already marked as such.
      if (message && source === 'miss') message.cache ??= source
      else if (message && source) message.cache = source
      if (message && joined !== undefined) message.joined = this.#find(joined)?.message
    }
    for (const change of records.changes) cache.publish(changeMessage(change, timeNow))
    if (records.dropped > 0) {
      cache.publish({ type: 'records-dropped', count: records.dropped, time: timeNow })
    }
    return records
  }

  /**
   * @param {import('./addon.js').RequestRecord} record
   * @param {number} now
   */
  #publishRequest({ call: number, ago, duration, isShared, code, attempts }, now) {
    const call = number === undefined ? undefined : this.#find(number)
    const offset = call?.offset ?? Date.now() - now
    if (call && isShared) call.message.cache ??= 'shared'
    /** @type {Pick<RequestMessage, 'call' | 'refresh'>} */
    const cause = call ? { call: call.message } : {}
    if (number === undefined) {
      cause.refresh = {
        type: 'refresh',
        source: isShared ? 'shared-cache' : 'velt',
        startTime: offset + now - ago,
        duration,
        ...(code && { code }),
      }
      cache.publish(cause.refresh)
    }
    let resendCount = 0
    for (const attempt of attempts) {
      resendCount += attempt.resends
      request.publish({ ...cause, ...requestMessage(attempt, resendCount, offset + now) })
      resendCount += 1
    }
  }

  /** @param {number} number */
  #find(number) {
    return this.#pending.get(number) ?? this.#ended.get(number)
  }

  /**
   * The call has ended.
   *
   * @param {number} number
   */
  #end(number) {
    const call = this.#pending.get(number)
    // A call that got its token without waiting has ended in `hit`.
    if (!call) return
    this.flush()
    this.#pending.delete(number)
    this.#ended.set(number, call)
    if (this.#ended.size > MAX_ENDED) this.#ended.delete(this.#ended.keys().next().value ?? 0)
  }
}

/**
 * @param {import('./addon.js').ChangeRecord} record
 * @param {number} timeNow
 */
function changeMessage({ ago, type, breaker, isReachable, users, index }, timeNow) {
  const time = timeNow - ago
  if (type === 'circuit-breaker') return { type, state: breaker, time }
  if (type === 'shared-cache')
    return { type, state: isReachable ? 'reachable' : 'unreachable', time }
  if (type === 'credential-refused') return { type, index, time }
  return type === 'cleared' ? { type, time } : { type, users, time }
}

/** The addon takes 32 bits. */
function nextNumber() {
  lastNumber = (lastNumber + 1) >>> 0
  return lastNumber
}

/**
 * @param {import('./addon.js').AttemptRecord} attempt
 * @param {number} resendCount
 * @param {number} time the Unix time in milliseconds
 * @returns {RequestMessage}
 */
function requestMessage(attempt, resendCount, time) {
  const { duration, queue, dns, connect, firstByte, status, code, retryAfter } = attempt
  const url = attempt.url === undefined ? undefined : new URL(attempt.url)
  return {
    method: 'POST',
    ...(url && {
      url: url.href,
      serverAddress: url.hostname.replace(/^\[|\]$/g, ''),
      serverPort: Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
    }),
    ...(attempt.httpVersion && { protocolVersion: attempt.httpVersion }),
    resendCount,
    startTime: time - attempt.ago,
    duration,
    outcome: code ? 'failed' : attempt.isCancelled ? 'cancelled' : 'succeeded',
    ...(status !== undefined && { status }),
    ...(code && { code }),
    ...(retryAfter !== undefined && { retryAfter }),
    timings: {
      queue,
      ...(dns !== undefined && { dns }),
      ...(connect !== undefined && { connect }),
      ...(firstByte !== undefined && { firstByte, body: duration - firstByte }),
    },
  }
}

exports.Tracer = Tracer
