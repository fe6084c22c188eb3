// @ts-check

// The control endpoint: HTTP requests that add faults, list requests, and check tokens. Programs in
// other languages use it instead of the methods of `Emulator`.

'use strict'

const { JSON_TYPE } = require('./api.js')
const { faultFromJson } = require('./fault-from-json.js')

/**
 * @typedef {import('./index.js').Emulator} Emulator
 * @typedef {import('./index.js').RecordedRequest} RecordedRequest
 * @typedef {import('./api.js').EmulatorResponse} EmulatorResponse
 */

const PREFIX = '/_emulator/'

/** @type {Record<string, (emulator: Emulator, body: any) => unknown>} */
const ACTIONS = {
  'GET requests': ({ requests }) => ({ requests: requests.map(summary) }),
  'POST faults': (emulator, fault) => emulator.fault(faultFromJson(fault)),
  'POST reset': (emulator) => emulator.reset(),
  'POST verify': (emulator, body) => ({ claims: emulator.verify(body?.token) }),
}

/** @param {RecordedRequest} request */
function isControl({ path }) {
  return path.startsWith(PREFIX)
}

/** @param {RecordedRequest} request @param {Emulator} emulator @returns {EmulatorResponse} */
function control(request, emulator) {
  const action = `${request.method} ${request.path.slice(PREFIX.length)}`
  if (!Object.hasOwn(ACTIONS, action)) {
    const known = Object.keys(ACTIONS).map((each) => each.replace(' ', ` ${PREFIX}`))
    return json(404, { error: `Unknown. The control endpoint has ${known.join(', ')}.` })
  }
  // A page of another site can send other types without asking, but not this one (CORS).
  const type = request.headers['content-type'] ?? ''
  if (request.method === 'POST' && !/^application\/json *(;|$)/i.test(type)) {
    return json(415, { error: 'The content type must be application/json.' })
  }
  try {
    return json(200, ACTIONS[action](emulator, request.body) ?? {})
  } catch (error) {
    return json(400, { error: /** @type {Error} */ (error).message })
  }
}

/** A request without its credentials. @param {RecordedRequest} request */
function summary({ method, path, receivedAt, status, body }) {
  const { apiKey: _key, authToken: _token, ...data } = /** @type {any} */ (body)?.data ?? {}
  return { method, path, receivedAt, status, data }
}

/** @param {number} status @param {unknown} value @returns {EmulatorResponse} */
function json(status, value) {
  return { status, contentType: JSON_TYPE, body: JSON.stringify(value) }
}

exports.control = control
exports.isControl = isControl
