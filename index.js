'use strict'

const { VeltAuthClient, VeltAuthError, generateVeltAuthToken } = require('./lib/client.js')

// Spelt out one by one: that is how Node finds the names for `import { … }`. It reads a file for them
// slowly, so what `exports` in package.json leads to is short, and the code is behind it.
exports.generateVeltAuthToken = generateVeltAuthToken
exports.VeltAuthClient = VeltAuthClient
exports.VeltAuthError = VeltAuthError
