// Bundlers use this file instead of the package when they build for a browser.

'use strict'

// This line makes the file CommonJS. For an ES module, bundlers would report only that the imported
// names are missing, and not this error.
module.exports = {}

throw new Error('velt-auth runs on your server; import velt-auth/browser')
