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

/**
 * The counters of `client.stats()`: metric, unit, description.
 *
 * @type {{ [field in keyof import('../../index.js').VeltAuthStats]?: [string, string, string] }}
 */
const COUNTERS = {
  hits: ['velt_auth.cache.hits', '{call}', 'Calls served from the cache of this process.'],
  misses: ['velt_auth.cache.misses', '{call}', 'Calls that started a lookup or a request.'],
  joins: ['velt_auth.cache.joins', '{call}', 'Calls that waited for the request of another call.'],
  staleServed: [
    'velt_auth.cache.stale',
    '{call}',
    'Calls that got a token valid for too little time.',
  ],
  refreshes: ['velt_auth.refreshes', '{refresh}', 'Refreshes that started in the background.'],
  sharedHits: ['velt_auth.shared_cache.hits', '{lookup}', 'Tokens found in the shared cache.'],
  upstreamRequests: ['velt_auth.requests', '{request}', 'Requests sent to Velt.'],
}

class Metrics {
  #meter
  #requestDuration
  #callDuration
  /** @type {{ counters: [keyof typeof COUNTERS, Observable][], entries: Observable, breaker: Observable, failures: Observable } | undefined} */
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
   * Observes the counters of a client, until the returned function is called.
   *
   * @param {VeltAuthClient} client
   * @param {Attributes} attributes
   */
  observe(client, attributes) {
    const { counters, entries, breaker, failures } = this.#getObservables()
    const observables = [
      ...counters.map(([, observable]) => observable),
      entries,
      breaker,
      failures,
    ]
    /** @param {import('@opentelemetry/api').BatchObservableResult} result */
    const callback = (result) => {
      const stats = client.stats()
      for (const [field, observable] of counters) {
        result.observe(observable, Number(stats[field]), attributes)
      }
      result.observe(entries, stats.entries, attributes)
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

  #getObservables() {
    const meter = this.#meter
    this.#observables ??= {
      counters: Object.entries(COUNTERS).map(([field, [name, unit, description]]) => [
        /** @type {keyof typeof COUNTERS} */ (field),
        meter.createObservableCounter(name, { unit, description }),
      ]),
      entries: meter.createObservableUpDownCounter('velt_auth.cache.entries', {
        unit: '{token}',
        description: 'Tokens in the cache of this process.',
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
    return this.#observables
  }
}

exports.Metrics = Metrics
