'use strict'

const { VeltAuthClient, VeltAuthError, generateVeltAuthToken } = require('./lib/client.js')

// Node finds the names for `import { … }` only in literal lines `exports.name =`. Node parses this
// file slowly to find these names. So each file in `exports` of package.json is small, and requires
// the code from another file.
exports.generateVeltAuthToken = generateVeltAuthToken
exports.VeltAuthClient = VeltAuthClient
exports.VeltAuthError = VeltAuthError
