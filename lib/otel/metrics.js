// The metrics: durations from the messages, and counters from `client.stats()`.

'use strict'

const { callError, defined, requestAttributes } = require('./attributes.js')

/** @typedef {import('@opentelemetry/api').Attributes} Attributes */
/** @typedef {import('@opentelemetry/api').Observable} Observable */
/** @typedef {import('../../index.js').VeltAuthClient} VeltAuthClient */

/** The boundaries of `http.client.request.duration` in the semantic conventions. */
const BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
/** A hit takes microseconds. */
const CALL_BOUNDARIES = [0.00001, 0.0001, 0.001, ...BOUNDARIES]

/** @typedef {keyof Omit<import('../../index.js').VeltAuthStats, 'failures' | 'circuitBreaker'>} NumberField */

/**
 * The numbers of `client.stats()`: kind of metric, name, unit, description.
 *
 * @type {{ [field in NumberField]: ['Counter' | 'UpDownCounter', string, string, string] }}
 */
const NUMBERS = {
  hits: ['Counter', 'velt_auth.cache.hits', '{call}', 'Calls served from this process.'],
  misses: ['Counter', 'velt_auth.cache.misses', '{call}', 'Calls that started a request.'],
  joins: [
    'Counter',
    'velt_auth.cache.joins',
    '{call}',
    'Calls that waited for a request in flight.',
  ],
  staleServed: ['Counter', 'velt_auth.cache.stale', '{call}', 'Calls that got an old token.'],
  refreshes: ['Counter', 'velt_auth.refreshes', '{refresh}', 'Refreshes in the background.'],
  sharedHits: ['Counter', 'velt_auth.shared_cache.hits', '{lookup}', 'Tokens found in Redis.'],
  upstreamRequests: ['Counter', 'velt_auth.requests', '{request}', 'Requests sent to Velt.'],
  credentialRefusals: [
    'Counter',
    'velt_auth.credential_refusals',
    '{refusal}',
    'Refusals of an auth token by Velt.',
  ],
  entries: ['UpDownCounter', 'velt_auth.cache.entries', '{token}', 'Tokens in this process.'],
}

class Metrics {
  #meter
  #requestDuration
  #callDuration
  /** @type {ReturnType<typeof createObservables> | undefined} */
  #observables

  /** @param {import('@opentelemetry/api').Meter} meter */
  constructor(meter) {
    this.#meter = meter
    this.#requestDuration = meter.createHistogram('http.client.request.duration', {
      unit: 's',
      description: 'Duration of HTTP client requests.',
      advice: { explicitBucketBoundaries: BOUNDARIES },
    })
    this.#callDuration = meter.createHistogram('velt_auth.call.duration', {
      unit: 's',
      description: 'Duration of calls for a token.',
      advice: { explicitBucketBoundaries: CALL_BOUNDARIES },
    })
  }

  /** @param {import('../../index.js').VeltRequestMessage} message */
  requested(message) {
    this.#requestDuration.record(message.duration / 1000, requestAttributes(message))
  }

  /** @param {import('../../index.js').VeltTokenMessage} message */
  callEnded({ method, cache, duration, error }) {
    const attributes = defined({
      'velt_auth.method': method,
      'velt_auth.cache': cache,
      'error.type': callError(error),
    })
    this.#callDuration.record((duration ?? 0) / 1000, attributes)
  }

  /**
   * Observes the stats of a client, until the returned function is called.
   *
   * @param {VeltAuthClient} client
   * @param {Attributes} attributes
   */
  observe(client, attributes) {
    this.#observables ??= createObservables(this.#meter)
    const { numbers, breaker, failures } = this.#observables
    const observables = [...numbers.map(([, observable]) => observable), breaker, failures]
    /** @param {import('@opentelemetry/api').BatchObservableResult} result */
    const callback = (result) => {
      const stats = client.stats()
      for (const [field, observable] of numbers) {
        result.observe(observable, stats[field], attributes)
      }
      for (const state of ['closed', 'open', 'half-open']) {
        const value = stats.circuitBreaker === state ? 1 : 0
        result.observe(breaker, value, { ...attributes, 'velt_auth.circuit_breaker.state': state })
      }
      for (const [code, count] of Object.entries(stats.failures)) {
        result.observe(failures, count, { ...attributes, 'error.type': code })
      }
    }
    this.#meter.addBatchObservableCallback(callback, observables)
    return () => this.#meter.removeBatchObservableCallback(callback, observables)
  }
}

/** @param {import('@opentelemetry/api').Meter} meter */
function createObservables(meter) {
  return {
    numbers: Object.entries(NUMBERS).map(([field, [kind, name, unit, description]]) => {
      const observable = meter[`createObservable${kind}`](name, { unit, description })
      return /** @type {[NumberField, Observable]} */ ([field, observable])
    }),
    breaker: meter.createObservableUpDownCounter('velt_auth.circuit_breaker.state', {
      unit: '1',
      description: '1 for the current state of the circuit breaker, and 0 for the others.',
    }),
    failures: meter.createObservableCounter('velt_auth.failures', {
      unit: '{call}',
      description: 'Failed calls.',
    }),
  }
}

exports.Metrics = Metrics
