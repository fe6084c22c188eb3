// The attributes of spans and metrics. HTTP attributes follow the stable semantic conventions for HTTP
// clients (https://opentelemetry.io/docs/specs/semconv/http/http-spans/).

'use strict'

/** @typedef {import('@opentelemetry/api').Attributes} Attributes */
/** @typedef {import('../../index.js').VeltRequestMessage} RequestMessage */

/**
 * Attributes with few different values, for metrics.
 *
 * @param {RequestMessage} message
 * @returns {Attributes}
 */
function requestAttributes({ method, serverAddress, serverPort, protocolVersion, ...message }) {
  return defined({
    'http.request.method': method,
    'server.address': serverAddress,
    'server.port': serverPort,
    'network.protocol.version': protocolVersion,
    'http.response.status_code': message.status,
    'error.type': requestError(message),
  })
}

/** Without the attributes that are `undefined`. @param {Attributes} attributes */
function defined(attributes) {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined))
}

/**
 * The convention: the status, if the response has an error status.
 *
 * @param {Pick<RequestMessage, 'outcome' | 'status' | 'code'>} message
 */
function requestError({ outcome, status = 0, code }) {
  if (outcome === 'cancelled') return 'cancelled'
  return code && status >= 400 ? String(status) : code
}

/**
 * The error of a call: its code, or the name of the `AbortSignal`'s reason. The application chooses the
 * reason, so nothing else of it is used.
 *
 * @param {unknown} error
 * @returns {string | undefined}
 */
function callError(error) {
  if (error === undefined) return undefined
  if (!(error instanceof Error)) return '_OTHER'
  const code = 'code' in error ? String(error.code) : ''
  return code.startsWith('ERR_VELT_') ? code : error.name
}

/** OpenTelemetry's unit is the second. @param {number | undefined} milliseconds */
function seconds(milliseconds) {
  return milliseconds === undefined ? undefined : milliseconds / 1000
}

exports.callError = callError
exports.defined = defined
exports.requestAttributes = requestAttributes
exports.requestError = requestError
exports.seconds = seconds
