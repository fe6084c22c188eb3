// Finds the compiled half: beside this file's folder in a checkout, in a platform package of its
// own after `npm install`.

'use strict'

const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { version } = require('../package.json')

/** Spelt out one by one: that is how tools that trace files find them (Vercel, Next.js). */
const PACKAGES = /** @type {Record<string, () => any>} */ ({
  'linux-x64-gnu': () => require('velt-auth-linux-x64-gnu'),
  'linux-x64-musl': () => require('velt-auth-linux-x64-musl'),
  'linux-arm64-gnu': () => require('velt-auth-linux-arm64-gnu'),
  'linux-arm64-musl': () => require('velt-auth-linux-arm64-musl'),
  'darwin-x64': () => require('velt-auth-darwin-x64'),
  'darwin-arm64': () => require('velt-auth-darwin-arm64'),
  'win32-x64-msvc': () => require('velt-auth-win32-x64-msvc'),
  'win32-arm64-msvc': () => require('velt-auth-win32-arm64-msvc'),
})

/** @returns {typeof import('./addon.js')} */
function load() {
  const here = `${process.platform}-${process.arch}`
  /** @type {Record<string, unknown>} */
  const failures = {}
  // On Linux two ABIs are possible: the dynamic linker knows best which of them loads.
  for (const name of Object.keys(PACKAGES)) {
    if (name !== here && !name.startsWith(`${here}-`)) continue
    try {
      return loadOne(name)
    } catch (error) {
      failures[name] = error
    }
  }
  throw require('./addon-failure.js').addonFailure(failures, Object.keys(PACKAGES))
}

/** @param {string} name */
function loadOne(name) {
  const built = join(__dirname, '..', `velt-auth.${name}.node`)
  const addon = existsSync(built) ? require(built) : PACKAGES[name]()
  if (addon.VERSION !== version) throw new Error(`it is of version ${addon.VERSION}`)
  return addon
}

module.exports = load()
