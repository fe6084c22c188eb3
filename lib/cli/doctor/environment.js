// Checks of the environment variables.

'use strict'

const { lastFour } = require('../output.js')
const { hasAddon } = require('./platform.js')
const { failure, ok, skipped } = require('./result.js')

/** @typedef {import('./settings.js').Settings} Settings */

/** @param {Settings} settings */
function apiKey(settings) {
  return credential('VELT_API_KEY', settings.apiKey)
}

/** @param {Settings} settings */
function authToken(settings) {
  const result = credential('VELT_AUTH_TOKEN', settings.authToken)
  if (result.status !== 'ok' || settings.authToken !== settings.apiKey) return result
  return failure(
    'VELT_AUTH_TOKEN',
    'It has the same value as VELT_API_KEY.',
    'The auth token is another value: generate one in console.velt.dev, section Auth Token.',
  )
}

/** @param {string} name @param {string} value */
function credential(name, value) {
  const place = name === 'VELT_API_KEY' ? 'the API key' : 'an auth token (section Auth Token)'
  if (value === '') {
    return failure(
      name,
      'It is not set.',
      `Copy ${place} from console.velt.dev into the environment of the server. ` +
        'If it is in a file, pass the file: --env .env',
    )
  }
  const problem = malformed(value)
  if (problem) {
    return failure(name, `It ${problem}.`, `Copy ${place} from console.velt.dev again.`)
  }
  return ok(name, lastFour(value))
}

/** @param {string} value */
function malformed(value) {
  if (/^["'].*["']$/s.test(value)) return 'has quotes around it, which are part of the value'
  if (/^Bearer /i.test(value)) return 'begins with "Bearer"'
  if (/[^\x21-\x7e]/.test(value)) return 'contains a space, a line break or another wrong character'
  if (/^<.*>$|^your[-_]/i.test(value)) return 'is the placeholder of a sample'
  return undefined
}

/** What the client itself checks: URLs, and secrets in variables that end up in a browser bundle. */
function clientOptions(/** @type {Settings} */ settings) {
  const name = 'client options'
  if (!hasAddon()) return skipped(name, 'The client cannot be created without the addon.')
  const { VeltAuthClient } = require('../../client.js')
  // A wrong credential is reported by its own check.
  const usable = (/** @type {string} */ value) =>
    value === '' || malformed(value) ? 'unusable' : value
  try {
    new VeltAuthClient({
      apiKey: usable(settings.apiKey),
      authToken: usable(settings.authToken),
      ca: settings.ca,
    }).close()
    return ok(name, `${settings.baseUrl}; no secret has a public name`)
  } catch (error) {
    const { message } = /** @type {Error} */ (error)
    return failure(name, message, 'Correct the variable that the message names.')
  }
}

exports.apiKey = apiKey
exports.authToken = authToken
exports.clientOptions = clientOptions
