// Makes OpenTelemetry spans and metrics from the messages of the channels. It uses only
// `@opentelemetry/api`, and has the methods of the SDK's instrumentations, so that it can be passed to
// `registerInstrumentations` or to `NodeSDK`.

'use strict'

const { subscribe, unsubscribe } = require('node:diagnostics_channel')
const { metrics, trace } = require('@opentelemetry/api')
const { version } = require('../../package.json')
const { Metrics } = require('./metrics.js')
const { Spans } = require('./spans.js')

const NAME = 'velt-auth'

class VeltAuthInstrumentation {
  instrumentationName = NAME
  instrumentationVersion = version
  /** @type {import('./index.js').VeltAuthInstrumentationConfig} */
  #config
  /** @type {import('@opentelemetry/api').TracerProvider | undefined} */
  #tracerProvider
  /** @type {import('@opentelemetry/api').MeterProvider | undefined} */
  #meterProvider
  /** @type {Spans | undefined} */
  #spans
  /** @type {Metrics | undefined} */
  #metrics
  /** What ends each subscription. @type {(() => void)[]} */
  #subscriptions = []

  /** @param {import('./index.js').VeltAuthInstrumentationConfig} [config] */
  constructor(config = {}) {
    this.#config = config
    if (config.enabled !== false) this.enable()
  }

  enable() {
    if (this.#subscriptions.length > 0) return
    this.#subscriptions = [
      listen('tracing:velt-auth:token:start', (message) =>
        this.#currentSpans().started(message, this.#config.sendTraceparent === true),
      ),
      listen('tracing:velt-auth:token:asyncEnd', (message) => {
        this.#currentSpans().ended(message)
        this.#currentMetrics().callEnded(message)
      }),
      listen('velt-auth:request', (message) => {
        this.#currentSpans().requested(message)
        this.#currentMetrics().requested(message)
      }),
      listen('velt-auth:cache', (message) => this.#currentSpans().changed(message)),
    ]
  }

  disable() {
    for (const end of this.#subscriptions) end()
    this.#subscriptions = []
  }

  /** @param {import('@opentelemetry/api').TracerProvider} provider */
  setTracerProvider(provider) {
    this.#tracerProvider = provider
    this.#spans = undefined
  }

  /** @param {import('@opentelemetry/api').MeterProvider} provider */
  setMeterProvider(provider) {
    this.#meterProvider = provider
    this.#metrics = undefined
  }

  /** @param {import('./index.js').VeltAuthInstrumentationConfig} config */
  setConfig(config) {
    this.#config = config
  }

  getConfig() {
    return this.#config
  }

  /**
   * @param {import('../../index.js').VeltAuthClient} client
   * @param {import('@opentelemetry/api').Attributes} [attributes]
   */
  observe(client, attributes = {}) {
    return this.#currentMetrics().observe(client, attributes)
  }

  // Made at their first use: the global providers may be set after this object was made.

  #currentSpans() {
    const provider = this.#tracerProvider ?? trace
    this.#spans ??= new Spans(provider.getTracer(NAME, version))
    return this.#spans
  }

  #currentMetrics() {
    const provider = this.#meterProvider ?? metrics
    this.#metrics ??= new Metrics(provider.getMeter(NAME, version))
    return this.#metrics
  }
}

/**
 * @param {string} channel
 * @param {(message: any) => void} listener
 */
function listen(channel, listener) {
  subscribe(channel, listener)
  return () => {
    unsubscribe(channel, listener)
  }
}

exports.VeltAuthInstrumentation = VeltAuthInstrumentation
