// @ts-check

// Checks the options of the emulator.

'use strict'

/** @typedef {import('./index.js').EmulatorOptions} EmulatorOptions */

/** Each option with its check, which throws. @type {Record<keyof EmulatorOptions, (value: any) => void>} */
const OPTIONS = {
  port: (port) => {
    if (!(Number.isInteger(port) && port >= 0 && port < 65_536)) {
      throw new TypeError('port must be a TCP port, or 0 for any free one')
    }
  },
  host: (host) => {
    if (typeof host !== 'string' || host === '') {
      throw new TypeError('host must be an address to listen on')
    }
  },
  apiKey: (apiKey) => checkCredential('apiKey', apiKey),
  authToken: (authToken) => {
    const tokens = [authToken].flat()
    if (tokens.length === 0) throw new TypeError('authToken must have at least one auth token')
    for (const token of tokens) checkCredential('authToken', token)
  },
  tls: () => {}, // checked by `https.createServer`
  tokenLifetime: (ms) => {
    if (!Number.isFinite(ms)) throw new TypeError('tokenLifetime must be milliseconds')
  },
  now: (now) => {
    if (typeof now !== 'function') throw new TypeError('now must be a function')
  },
  onRequest: (listener) => {
    if (typeof listener !== 'function') throw new TypeError('onRequest must be a function')
  },
  requireJwtToken: (required) => {
    if (typeof required !== 'boolean') throw new TypeError('requireJwtToken must be a boolean')
  },
  allowedDomains: (domains) => {
    if (!Array.isArray(domains) || domains.some((domain) => typeof domain !== 'string')) {
      throw new TypeError('allowedDomains must be an array of strings')
    }
  },
  permissionProvider: (provider) => {
    if (typeof provider?.url !== 'string' || typeof (provider.token ?? '') !== 'string') {
      throw new TypeError('permissionProvider must be an object { url, token? } of strings')
    }
  },
}

/** @param {EmulatorOptions} options */
function checkOptions(options) {
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(OPTIONS, name)) {
      throw new TypeError(`Unknown option: ${name} (known: ${Object.keys(OPTIONS).join(', ')})`)
    }
    if (value !== undefined) OPTIONS[/** @type {keyof EmulatorOptions} */ (name)](value)
  }
}

/** @param {string} name @param {unknown} value */
function checkCredential(name, value) {
  if (typeof value !== 'string' || value === '') {
    throw new TypeError(`${name} must be a non-empty string`)
  }
}

exports.checkCredential = checkCredential
exports.checkOptions = checkOptions
