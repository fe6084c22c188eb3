// `velt-auth/otel`. Node finds the names for `import { … }` only in literal lines `exports.name =`.

'use strict'

const { VeltAuthInstrumentation } = require('./instrumentation.js')

exports.VeltAuthInstrumentation = VeltAuthInstrumentation
