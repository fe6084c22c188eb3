// @ts-check

// Faults: their validation, their queue, and the responses that they change.

'use strict'

const { validateHeaderName, validateHeaderValue } = require('node:http')
const { HTTP_CODES, JSON_TYPE, errorResponse } = require('./api.js')

/**
 * @typedef {import('./index.js').Fault} Fault
 * @typedef {import('./index.js').RecordedRequest} RecordedRequest
 * @typedef {import('./api.js').EmulatorResponse} EmulatorResponse
 * @typedef {import('node:http').ServerResponse} ServerResponse
 * @typedef {import('node:net').Socket} Socket
 */

/** The faults that still apply to at least one request, oldest first. */
class FaultQueue {
  /** @type {{ fault: Fault, timesLeft: number }[]} */
  #queue = []

  /** @param {Fault} fault */
  add(fault) {
    validate(fault)
    this.#queue.push({ fault, timesLeft: fault.times ?? 1 })
  }

  /**
   * Returns the first fault that applies to this request, and counts one use of the fault.
   *
   * @param {RecordedRequest} request
   */
  take(request) {
    const entry = this.#queue.find(({ fault }) => fault.match?.(request) ?? true)
    if (entry && --entry.timesLeft === 0) this.#queue.splice(this.#queue.indexOf(entry), 1)
    return entry?.fault
  }

  clear() {
    this.#queue = []
  }
}

/**
 * Sends the response to a request, with its fault.
 *
 * @param {Fault} fault `{}` for a response without a fault.
 * @param {() => EmulatorResponse} respond Makes the response without a fault.
 * @param {RecordedRequest} request
 * @param {ServerResponse} res
 * @param {Socket} socket The TCP socket. With TLS, `res.socket` is another one, which cannot be reset.
 */
async function sendResponse(fault, respond, request, res, socket) {
  if (fault.delay) await pause(fault.delay, res)
  if (res.destroyed || fault.stall === 'headers') return
  if (fault.reset === 'headers') {
    socket.resetAndDestroy()
    return
  }

  const { status, contentType, body } = responseFor(fault, respond)
  const bytes = Buffer.from(body)
  res.statusCode = status
  if (bytes.length > 0) res.setHeader('content-type', contentType)
  if (fault.retryAfter !== undefined) res.setHeader('retry-after', retryAfter(fault.retryAfter))
  for (const [name, value] of Object.entries(fault.headers ?? {})) res.setHeader(name, value)

  if (!(fault.reset || fault.stall || fault.truncate)) {
    request.status = status
    res.end(bytes)
    return
  }
  res.setHeader('content-length', bytes.length)
  res.write(bytes.subarray(0, bytes.length / 2), () => {
    if (fault.reset) socket.resetAndDestroy()
    if (fault.truncate) res.socket?.end()
  })
}

/** @param {Fault} fault @param {() => EmulatorResponse} respond @returns {EmulatorResponse} */
function responseFor({ status, error, body, contentType = JSON_TYPE }, respond) {
  if (error) {
    const response = errorResponse({ message: 'A fault of the emulator.', ...error })
    return { ...response, status: status ?? response.status }
  }
  if (body !== undefined) return { status: status ?? 200, contentType, body }
  if (status !== undefined) return { status, contentType, body: '' }
  return respond()
}

/** @param {number | string | Date} value */
function retryAfter(value) {
  return value instanceof Date ? value.toUTCString() : String(value)
}

/** Waits `ms`, or until the connection closes. @param {number} ms @param {ServerResponse} res */
function pause(ms, res) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    res.once('close', () => {
      clearTimeout(timer)
      resolve(undefined)
    })
  })
}

/** The expected value of each field, and a check. @type {Record<keyof Fault, [string, (value: any) => boolean]>} */
const FIELDS = {
  times: ['1 or more', (n) => n === Infinity || (Number.isInteger(n) && n > 0)],
  match: ['a function', (f) => typeof f === 'function'],
  delay: ['milliseconds, below 2 ** 31', (ms) => ms >= 0 && ms < 2 ** 31],
  status: ['an HTTP status from 200 to 599', (n) => Number.isInteger(n) && n >= 200 && n < 600],
  error: ["an object, as in { error: { status: 'UNAVAILABLE' } }", isObject],
  retryAfter: ['whole seconds, a string or a Date', isRetryAfter],
  headers: ['an object of HTTP headers', areHeaders],
  body: ['a string or bytes', (b) => typeof b === 'string' || b instanceof Uint8Array],
  contentType: ['a header value', (s) => typeof s === 'string' && isHeader('content-type', s)],
  reset: ["'headers' or 'body'", isCutPoint],
  stall: ["'headers' or 'body'", isCutPoint],
  truncate: ['true', (b) => b === true],
}

/** @param {Fault} fault */
function validate(fault) {
  for (const [name, value] of Object.entries(fault)) {
    if (!Object.hasOwn(FIELDS, name)) {
      throw new TypeError(
        `Unknown field in a fault: ${name} (known: ${Object.keys(FIELDS).join(', ')})`,
      )
    }
    const [expected, isValid] = FIELDS[/** @type {keyof Fault} */ (name)]
    if (value !== undefined && !isValid(value)) {
      throw new TypeError(`Invalid fault: ${name} must be ${expected}`)
    }
  }
  const problem = problemIn(fault.error) ?? conflictIn(fault)
  if (problem) throw new TypeError(`Invalid fault: ${problem}`)
}

/** Describes an invalid field of `error`. @param {Fault['error']} error */
function problemIn(error) {
  if (!error) return undefined
  if (!Object.hasOwn(HTTP_CODES, error.status ?? '')) {
    return `error.status must be one of ${Object.keys(HTTP_CODES).join(', ')}`
  }
  return isJson(error.details) ? undefined : 'error.details must be JSON'
}

/** Describes fields that exclude each other. @param {Fault} fault */
function conflictIn({ status, error, retryAfter, headers, body, contentType, ...ends }) {
  const cuts = [ends.reset, ends.stall, ends.truncate].filter((cut) => cut !== undefined)
  const responseFields = [status, error, retryAfter, headers, body, contentType]
  const empty = body === undefined ? status !== undefined && !error : body.length === 0
  if (cuts.length > 1) return 'reset, stall and truncate exclude each other'
  if (error && body !== undefined) return 'error and body exclude each other'
  if (contentType !== undefined && body === undefined) return 'contentType needs a body'
  if (cuts[0] === 'headers' && responseFields.some((field) => field !== undefined)) {
    return "there is no response if 'headers' are reset or stalled"
  }
  if (cuts.length > 0 && empty) return 'an empty body cannot be cut'
  if ((status === 204 || status === 304) && !empty) return `a ${status} has no body`
  return undefined
}

/** @param {unknown} value */
function isCutPoint(value) {
  return value === 'headers' || value === 'body'
}

/** @param {unknown} value */
function isRetryAfter(value) {
  if (value instanceof Date) return !Number.isNaN(value.getTime())
  if (typeof value === 'string') return isHeader('retry-after', value)
  return Number.isInteger(value) && Number(value) >= 0
}

/** @param {unknown} value */
function areHeaders(value) {
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).every(([name, header]) => isHeader(name, header))
}

/** @param {string} name @param {any} value */
function isHeader(name, value) {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
    return true
  } catch {
    return false
  }
}

/** @param {unknown} value */
function isObject(value) {
  return typeof value === 'object' && value !== null
}

/** @param {unknown} value */
function isJson(value) {
  try {
    JSON.stringify(value)
    return true
  } catch {
    return false
  }
}

exports.FaultQueue = FaultQueue
exports.sendResponse = sendResponse
