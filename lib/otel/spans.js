// One INTERNAL span for each call and refresh, and one CLIENT span for each attempt.

'use strict'

const {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  context,
  isSpanContextValid,
  trace,
} = require('@opentelemetry/api')
const { callError, defined, requestAttributes, requestError, seconds } = require('./attributes.js')

/** @typedef {import('@opentelemetry/api').Span} Span */
/** @typedef {import('@opentelemetry/api').Context} Context */
/** @typedef {import('../../index.js').VeltTokenMessage} TokenMessage */
/** @typedef {import('../../index.js').VeltRequestMessage} RequestMessage */
/** @typedef {import('../../index.js').VeltCacheMessage} CacheMessage */

class Spans {
  #tracer
  /** The spans of calls and refreshes, by message. @type {WeakMap<object, Span>} */
  #spans = new WeakMap()

  /** @param {import('@opentelemetry/api').Tracer} tracer */
  constructor(tracer) {
    this.#tracer = tracer
  }

  /** @param {TokenMessage} message @param {boolean} sendTraceparent */
  started(message, sendTraceparent) {
    const span = this.#start(message, message.method, context.active())
    if (sendTraceparent) message.traceparent = traceparent(span.spanContext())
  }

  /** @param {TokenMessage} message */
  ended(message) {
    const span = this.#spans.get(message)
    if (!span) return
    if (message.cache) span.setAttribute('velt_auth.cache', message.cache)
    const leader = message.joined && this.#spans.get(message.joined)
    if (leader) span.addLink({ context: leader.spanContext() })
    end(span, message, callError(message.error))
  }

  /** @param {RequestMessage} message */
  requested(message) {
    const cause = this.#spans.get(message.call ?? message.refresh ?? {})
    const parent = cause ? trace.setSpan(ROOT_CONTEXT, cause) : ROOT_CONTEXT
    const { resendCount, timings } = message
    const attributes = defined({
      ...requestAttributes(message),
      'url.full': message.url,
      'http.request.resend_count': resendCount > 0 ? resendCount : undefined,
      'velt_auth.retry_after': seconds(message.retryAfter),
      'velt_auth.timing.queue': seconds(timings.queue),
      'velt_auth.timing.dns': seconds(timings.dns),
      'velt_auth.timing.connect': seconds(timings.connect),
      'velt_auth.timing.first_byte': seconds(timings.firstByte),
      'velt_auth.timing.body': seconds(timings.body),
    })
    const span = this.#tracer.startSpan(
      message.method,
      { kind: SpanKind.CLIENT, startTime: message.startTime, attributes },
      parent,
    )
    end(span, message, requestError(message))
  }

  /** @param {CacheMessage} message */
  changed(message) {
    if (message.type === 'refresh') {
      const span = this.#start(message, 'refresh', ROOT_CONTEXT)
      span.setAttribute('velt_auth.refresh.source', message.source)
      end(span, message, message.code)
    }
    if (message.type === 'invalidation') {
      end(this.#start(message, 'invalidate', context.active()), message, message.code)
    }
  }

  /**
   * @param {object & { startTime: number }} message
   * @param {string} name
   * @param {Context} parent
   */
  #start(message, name, parent) {
    const options = { kind: SpanKind.INTERNAL, startTime: message.startTime }
    const span = this.#tracer.startSpan(`velt-auth ${name}`, options, parent)
    this.#spans.set(message, span)
    return span
  }
}

/**
 * The header of W3C Trace Context. Without a provider there is no valid context.
 *
 * @param {import('@opentelemetry/api').SpanContext} spanContext
 */
function traceparent(spanContext) {
  if (!isSpanContextValid(spanContext)) return undefined
  const { traceId, spanId, traceFlags } = spanContext
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}

/**
 * @param {Span} span
 * @param {{ startTime: number, duration?: number }} message
 * @param {string | undefined} error
 */
function end(span, { startTime, duration = 0 }, error) {
  if (error !== undefined) {
    span.setAttribute('error.type', error)
    span.setStatus({ code: SpanStatusCode.ERROR })
  }
  span.end(startTime + duration)
}

exports.Spans = Spans
