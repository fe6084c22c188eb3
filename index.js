'use strict'

const { VeltAuthClient, VeltAuthError, generateVeltAuthToken } = require('./lib/client.js')

// Literal `exports.name =` lines, since Node finds the names for `import { … }` only this way. Node
// parses this file slowly to find them, so each file in `exports` of package.json is small, and
// requires the code.
exports.generateVeltAuthToken = generateVeltAuthToken
exports.VeltAuthClient = VeltAuthClient
exports.VeltAuthError = VeltAuthError
