// What bundlers find instead of the package where they build for a browser.

'use strict'

// CommonJS by its looks: of an ES module they would ask for the imported names first, and say only
// that those are missing.
module.exports = {}

throw new Error('velt-auth runs on your server; import velt-auth/browser')
