// Checks of your Velt account, with Velt's read-only calls.

'use strict'

const { duration } = require('../output.js')
const { postJson } = require('./connection.js')
const { failure, ok, skipped, warning } = require('./result.js')

/**
 * @typedef {import('./connection.js').Route} Route
 * @typedef {import('./result.js').Result} Result
 * @typedef {import('./settings.js').Settings} Settings
 */

/**
 * The outcome of a call: `data` of a success, or what failed. `difference` is the time of Velt's clock
 * minus the time of ours, in milliseconds; it is `undefined` if there was no response.
 *
 * @typedef {object} Answer
 * @property {any} [data]
 * @property {{ detail: string, cure: string }} [problem]
 * @property {number} [difference]
 * @property {number} [milliseconds]
 */

/**
 * Reads a part of the configuration. Never rejects.
 *
 * @param {Settings} settings
 * @param {'apikeyconfig' | 'domains' | 'permissionproviderconfig'} part
 * @returns {Promise<Answer>}
 */
async function readWorkspace({ route, apiKey, authToken }, part) {
  const headers = { 'x-velt-api-key': apiKey, 'x-velt-auth-token': authToken }
  const path = `/v2/workspace/${part}/get`
  try {
    const response = await postJson(/** @type {Route} */ (route), path, headers, { data: {} })
    const { status, json, milliseconds } = response
    const difference = clockDifference(response.headers.date, milliseconds)
    const data = json?.result?.data
    if (status === 200 && data) return { data, difference, milliseconds }
    return { problem: problemOf(status, json?.error?.status), difference, milliseconds }
  } catch (error) {
    const { code, message } = /** @type {import('./connection.js').ConnectionError} */ (error)
    return {
      problem: {
        detail: `No complete response arrived (${code}: ${message}).`,
        cure: 'Try again. If it happens again, look for a proxy or firewall that cuts connections.',
      },
    }
  }
}

/** The header `Date` has whole seconds, so half a second is added. @param {string | undefined} date @param {number} milliseconds */
function clockDifference(date, milliseconds) {
  const time = Date.parse(date ?? '')
  return Number.isNaN(time) ? undefined : time + 500 - (Date.now() - milliseconds / 2)
}

/** Statuses with which Velt rejects credentials: see `api/response.rs`. */
const CREDENTIALS = ['UNAUTHENTICATED', 'PERMISSION_DENIED', 'INVALID_ARGUMENT']

/** Describes an error response by its status only, because its text may contain a secret. @param {number} http @param {unknown} status */
function problemOf(http, status) {
  const known = typeof status === 'string' && /^[A-Z_]{2,30}$/.test(status) ? status : undefined
  if ((known && CREDENTIALS.includes(known)) || http === 401 || http === 403) {
    return {
      detail: `Velt rejects the credentials (${known ?? `HTTP ${http}`}).`,
      cure:
        'Compare VELT_API_KEY and VELT_AUTH_TOKEN with console.velt.dev. Both must belong to the ' +
        'same workspace, and a token that was reset no longer works.',
    }
  }
  if (known === 'RESOURCE_EXHAUSTED' || http === 429) {
    return { detail: 'Velt received too many requests.', cure: 'Wait a minute, and try again.' }
  }
  if (http >= 500) {
    return {
      detail: `Velt, or a proxy in front of it, fails (HTTP ${http}).`,
      cure: 'Try again. The client retries these failures, and serves cached tokens meanwhile.',
    }
  }
  return {
    detail: `The response is not from Velt's API (HTTP ${http}${known ? `, ${known}` : ''}).`,
    cure: 'Check VELT_BASE_URL: it must be https://api.velt.dev or an emulator. A proxy may also answer.',
  }
}

/** @param {Answer} answer */
function credentials({ problem, milliseconds = 0 }) {
  if (problem) return failure('credentials', problem.detail, problem.cure)
  return ok('credentials', `Velt accepts them (${milliseconds.toFixed(1)} ms)`)
}

const TOLERANCE = 30_000
const LIMIT = 5 * 60_000

/** @param {Answer} answer */
function clock({ difference }) {
  if (difference === undefined) {
    return skipped('clock', 'There is no response with the time of Velt.')
  }
  const off = Math.abs(difference)
  if (off < TOLERANCE) return ok('clock', 'the same time as Velt, within seconds')
  const detail = `The clock of this machine is ${duration(off)} ${difference > 0 ? 'behind' : 'ahead of'} Velt.`
  const effect =
    difference > 0
      ? 'Expired tokens are served as if they were valid.'
      : 'Tokens count as expired too early, or certificates as expired.'
  const cure =
    `${effect} Set the clock with NTP (timedatectl set-ntp true). In a virtual machine, ` +
    'correct the clock of the host.'
  return off < LIMIT ? warning('clock', detail, cure) : failure('clock', detail, cure)
}

/** @param {Answer} answer */
function requireJwtToken({ data }) {
  const name = 'Require JWT Token'
  if (!data) return skipped(name, 'The configuration cannot be read.')
  if (data.requireJwtToken === true) return ok(name, 'on')
  return failure(
    name,
    'It is off: a visitor can pretend to be another user.',
    'Enable "Require JWT Token" at the bottom of console.velt.dev. If your app already has users, ' +
      'deploy the token endpoint and the browser part before.',
  )
}

/** @param {Answer} answer @param {string | undefined} domain */
function allowedDomain({ data, problem }, domain) {
  const name = 'allowed domain'
  if (!data) {
    return skipped(name, problem ? problem.detail : 'The configuration cannot be read.')
  }
  /** @type {string[]} */
  const allowed = Array.isArray(data.allowedDomains) ? data.allowedDomains.map(String) : []
  const list = allowed.length > 0 ? allowed.join(', ') : 'none'
  if (domain === undefined) {
    return skipped(name, `allowed: ${list}`, 'Check one with --domain app.example.com')
  }
  const host = hostOf(domain)
  if (allowed.some((pattern) => isAllowed(host, pattern))) return ok(name, `${host} is allowed`)
  return failure(
    name,
    `${host} is not allowed, so Velt does not work on its pages. Allowed: ${list}.`,
    `Add ${host} to the domains in console.velt.dev.`,
  )
}

/** The host in a URL or a domain. @param {string} text */
function hostOf(text) {
  const url = text.includes('://') ? text : `https://${text}`
  return URL.canParse(url) ? new URL(url).hostname.replace(/^www\./, '') : text
}

/** Velt stores domains without scheme; `*.example.com` means all subdomains. @param {string} host @param {string} pattern */
function isAllowed(host, pattern) {
  if (pattern === '*') return true
  if (pattern.includes('*.'))
    return host.endsWith(hostOf(pattern.replace('*.', '')).replace(/^/, '.'))
  return host === hostOf(pattern)
}

exports.allowedDomain = allowedDomain
exports.clock = clock
exports.credentials = credentials
exports.readWorkspace = readWorkspace
exports.requireJwtToken = requireJwtToken
