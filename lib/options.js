'use strict'

const { readFileSync } = require('node:fs')
const { isUint8Array } = require('node:util/types')
const { invalidInput } = require('./errors.js')
const {
  arrayOf,
  boolean,
  integerInRange,
  object,
  oneOf,
  string,
  typeName,
} = require('./validate.js')

const CODE = 'ERR_VELT_CONFIG'

/** Build tools copy environment variables with these prefixes into browser bundles. */
const PUBLIC_NAME =
  /^(?:NEXT_PUBLIC|NUXT_PUBLIC|EXPO_PUBLIC|PUBLIC|VITE|VUE_APP|REACT_APP|GATSBY|STORYBOOK)_/

/** @typedef {ReturnType<typeof clientOptions>} ClientOptions */

const validateCache = object({
  maxEntries: integerInRange('entries'),
  redis: urls,
  sentinels: arrayOf(string),
  secret: string,
})

const validateClientOptions = object({
  apiKey: string,
  authToken,
  apiVersion: oneOf('v1', 'v2'),
  baseUrl: string,
  timeout: integerInRange('milliseconds'),
  deadline: integerInRange('milliseconds'),
  // The same maximum as in the core.
  maxAttempts: integerInRange('attempts', 1, 10),
  maxConnections: integerInRange('connections'),
  preconnect: boolean,
  proxy: string,
  ca: certificates,
  cache,
  onCredentialRefused: callback,
})

const CALL_OPTIONS = { signal: abortSignal, deadline: integerInRange('milliseconds') }

const validateCallOptions = optional(object(CALL_OPTIONS))

const validateGetOptions = optional(
  object({
    ...CALL_OPTIONS,
    minValidity: integerInRange('milliseconds', 0),
    maxAge: integerInRange('milliseconds', 0),
  }),
)

/**
 * Validates the options of a client, and adds defaults from the environment. The fields are always in
 * the same order, so that equal options give equal JSON.
 *
 * @param {unknown} options
 */
function clientOptions(options) {
  const given = validateClientOptions(options, 'options', CODE)
  const baseUrl = given.baseUrl ?? fromEnvironment('VELT_BASE_URL')
  return {
    __proto__: null,
    ...given,
    apiKey: given.apiKey ?? fromEnvironment('VELT_API_KEY') ?? '',
    authToken: given.authToken ?? fromEnvironment('VELT_AUTH_TOKEN') ?? '',
    baseUrl,
    // A loopback server is never behind a proxy, and plain http must not go through a proxy.
    ...(given.proxy || baseUrl?.startsWith('http:') ? undefined : environmentProxy()),
  }
}

/**
 * Makes a validator of options that may be left out.
 *
 * @template T
 * @param {import('./validate.js').Validator<T>} validate
 * @returns {(options: unknown) => T}
 */
function optional(validate) {
  const absent = Object.freeze(validate({}, 'options', CODE))
  return (options) =>
    options === undefined || options === null ? absent : validate(options, 'options', CODE)
}

function environmentProxy() {
  return {
    proxy: fromEnvironment('https_proxy') ?? fromEnvironment('HTTPS_PROXY'),
    noProxy: fromEnvironment('no_proxy') ?? fromEnvironment('NO_PROXY'),
  }
}

/**
 * An environment variable; an empty one counts as not set.
 *
 * @param {string} name
 */
function fromEnvironment(name) {
  return process.env[name] || undefined
}

/**
 * Throws if a secret is in an environment variable that a build tool would copy into a browser bundle.
 *
 * @param {unknown[]} secrets auth tokens, and the secret of the shared cache
 */
function refusePublicSecret(secrets) {
  for (const [name, value] of Object.entries(process.env)) {
    const holdsSecret =
      (value !== '' && secrets.includes(value)) || name.endsWith('VELT_AUTH_TOKEN')
    if (PUBLIC_NAME.test(name) && holdsSecret) {
      throw invalidInput(
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
 * The content of the PEM file in `NODE_EXTRA_CA_CERTS`. It is read once, as Node does. A file that
 * cannot be read is not an error: Node has already printed a warning about it.
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

/**
 * PEM in the forms that `node:tls` takes: a string, a buffer, or an array of these. It is checked with
 * `isUint8Array`, which also accepts buffers of another realm (Jest).
 *
 * @type {import('./validate.js').Validator<string>}
 */
function certificates(value, path, code) {
  return [value]
    .flat()
    .map((pem) => string(isUint8Array(pem) ? Buffer.from(pem).toString('utf8') : pem, path, code))
    .join('\n')
}

/**
 * One auth token, two of them, or a function that returns one.
 *
 * @type {import('./validate.js').Validator<string | string[] | (() => unknown)>}
 */
function authToken(value, path, code) {
  if (typeof value === 'function') return /** @type {() => unknown} */ (value)
  return Array.isArray(value) ? arrayOf(string)(value, path, code) : string(value, path, code)
}

/** @type {import('./validate.js').Validator<(refusal: any) => void>} */
function callback(value, path, code) {
  if (typeof value !== 'function') {
    throw invalidInput(code, `${path} must be a function, not ${typeName(value)}.`)
  }
  return /** @type {(refusal: any) => void} */ (value)
}

/**
 * The URL of one server, or the URLs of the nodes of a cluster.
 *
 * @type {import('./validate.js').Validator<string | string[]>}
 */
function urls(value, path, code) {
  return Array.isArray(value) ? arrayOf(string)(value, path, code) : string(value, path, code)
}

/** @type {typeof validateCache} */
function cache(value, path, code) {
  if (typeof value === 'boolean') {
    throw invalidInput(
      code,
      `${path} must be an object, not boolean: the cache in memory cannot be switched off. Pass ` +
        '{ maxEntries } to limit it, or call generateToken, which does not read it.',
    )
  }
  return validateCache(value, path, code)
}

/**
 * Checks for methods instead of `instanceof`: the signal may come from another realm.
 *
 * @type {import('./validate.js').Validator<AbortSignal>}
 */
function abortSignal(value, path, code) {
  const signal = /** @type {AbortSignal} */ (value)
  const methods = [signal?.throwIfAborted, signal?.addEventListener]
  if (!methods.every((method) => typeof method === 'function')) {
    throw invalidInput(code, `${path} must be an AbortSignal.`)
  }
  return signal
}

exports.clientOptions = clientOptions
exports.extraCertificates = extraCertificates
exports.refusePublicSecret = refusePublicSecret
exports.validateCallOptions = validateCallOptions
exports.validateGetOptions = validateGetOptions
