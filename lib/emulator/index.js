// @ts-check

// `velt-auth/emulator`. Node finds the names for `import { … }` only in literal lines `exports.name =`.

'use strict'

const { startEmulator } = require('./emulator.js')

exports.startEmulator = startEmulator
