'use strict'

const { VeltAuthClient, generateVeltAuthToken } = require('./lib/client.js')
const { VeltAuthError } = require('./lib/errors.js')

// Spelt out one by one: that is how Node finds the names for `import { … }`.
exports.generateVeltAuthToken = generateVeltAuthToken
exports.VeltAuthClient = VeltAuthClient
exports.VeltAuthError = VeltAuthError
