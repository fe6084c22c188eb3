'use strict'

const { readFileSync } = require('node:fs')
const { mistake } = require('./errors.js')
const { list, object, oneOf, text, whole } = require('./validate.js')

const CODE = 'ERR_VELT_CONFIG'

/** How build tools mark the variables that they copy into browser bundles. */
const PUBLIC_NAME =
  /^(?:NEXT_PUBLIC|NUXT_PUBLIC|EXPO_PUBLIC|PUBLIC|VITE|VUE_APP|REACT_APP|GATSBY|STORYBOOK)_/

/** @typedef {import('./addon.js').ClientOptions} ClientOptions */

const readOptions = object({
  apiKey: text,
  authToken: text,
  apiVersion: oneOf('v1', 'v2'),
  baseUrl: text,
  timeout: whole('milliseconds'),
  deadline: whole('milliseconds'),
  maxAttempts: whole('attempts'),
  proxy: text,
  ca: certificates,
  cache: object({ maxEntries: whole('entries'), redis: urls, sentinels: list(text) }),
})

const CALL_OPTIONS = { signal: abortSignal, deadline: whole('milliseconds') }

const readCallOptions = absentOr(object(CALL_OPTIONS))

const readGetOptions = absentOr(object({ ...CALL_OPTIONS, minValidity: whole('milliseconds', 0) }))

/**
 * A client's options as the core takes them, completed from the environment. Always in the same
 * order, so that equal options are equal as JSON.
 *
 * @param {unknown} options
 * @returns {ClientOptions}
 */
function clientOptions(options) {
  const given = readOptions(options, 'options', CODE)
  const baseUrl = given.baseUrl ?? fromEnvironment('VELT_BASE_URL')
  return Object.assign(Object.create(null), {
    ...given,
    apiKey: given.apiKey ?? fromEnvironment('VELT_API_KEY') ?? '',
    authToken: given.authToken ?? fromEnvironment('VELT_AUTH_TOKEN') ?? '',
    baseUrl,
    // A loopback server is never behind a proxy, and plain http must not go through one.
    ...(given.proxy || baseUrl?.startsWith('http:') ? undefined : environmentProxy()),
  })
}

/**
 * @template T
 * @param {import('./validate.js').Reader<T>} read
 * @returns {(options: unknown) => Partial<T>}
 */
function absentOr(read) {
  // No prototype here either: what is not given must not be inherited.
  const absent = Object.freeze(Object.create(null))
  return (options) =>
    options === undefined || options === null ? absent : read(options, 'options', CODE)
}

function environmentProxy() {
  return {
    proxy: fromEnvironment('https_proxy') ?? fromEnvironment('HTTPS_PROXY'),
    noProxy: fromEnvironment('no_proxy') ?? fromEnvironment('NO_PROXY'),
  }
}

/** @param {string} name a variable that is set but empty counts as unset, as everywhere */
function fromEnvironment(name) {
  return process.env[name] || undefined
}

/**
 * Refuses a server secret that a build tool would ship to every visitor.
 *
 * @param {ClientOptions} options
 */
function refusePublicSecret({ authToken }) {
  for (const [name, value] of Object.entries(process.env)) {
    const holdsSecret = (value !== '' && value === authToken) || name.endsWith('VELT_AUTH_TOKEN')
    if (PUBLIC_NAME.test(name) && holdsSecret) {
      throw mistake(
        CODE,
        `${name} puts the auth token into your browser bundle: rename it to VELT_AUTH_TOKEN, and ` +
          'reset the token in console.velt.dev, since visitors may have it.',
      )
    }
  }
}

/** @type {string | undefined} */
let extraCa

/**
 * The PEM file that Node itself was told to trust. Node reads it once too, and has already warned
 * where it cannot be read.
 */
function extraCertificates() {
  const file = fromEnvironment('NODE_EXTRA_CA_CERTS')
  if (extraCa === undefined && file) {
    try {
      extraCa = readFileSync(file, 'utf8')
    } catch {
      extraCa = ''
    }
  }
  return extraCa
}

/** @type {import('./validate.js').Reader<string>} PEM as `node:tls` takes it: text, bytes or a list */
function certificates(value, path, code) {
  return [value]
    .flat()
    .map((one) => text(Buffer.isBuffer(one) ? one.toString('utf8') : one, path, code))
    .join('\n')
}

/** @type {import('./validate.js').Reader<string | string[]>} a server, or the nodes of a cluster */
function urls(value, path, code) {
  return Array.isArray(value) ? list(text)(value, path, code) : text(value, path, code)
}

/** @type {import('./validate.js').Reader<AbortSignal>} by its looks: it may be of another realm */
function abortSignal(value, path, code) {
  const signal = /** @type {AbortSignal} */ (value)
  const calls = [signal?.throwIfAborted, signal?.addEventListener]
  if (!calls.every((call) => typeof call === 'function')) {
    throw mistake(code, `${path} must be an AbortSignal.`)
  }
  return signal
}

exports.clientOptions = clientOptions
exports.extraCertificates = extraCertificates
exports.readCallOptions = readCallOptions
exports.readGetOptions = readGetOptions
exports.refusePublicSecret = refusePublicSecret
