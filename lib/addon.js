// Loads the compiled addon. In a checkout it is in the root folder. After `npm install` it is in a
// platform package, such as velt-auth-linux-x64-gnu.

'use strict'

const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { version } = require('../package.json')

/**
 * The `require` calls are literal, because tools that trace files (Vercel, Next.js) find only
 * these.
 */
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
  const platform = `${process.platform}-${process.arch}`
  /** @type {Record<string, unknown>} */
  const failures = {}
  // On Linux there are two packages (glibc and musl). Only the right one loads, so both are tried.
  for (const name of Object.keys(PACKAGES)) {
    if (name !== platform && !name.startsWith(`${platform}-`)) continue
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
  const builtHere = join(__dirname, '..', `velt-auth.${name}.node`)
  const addon = existsSync(builtHere) ? require(builtHere) : PACKAGES[name]()
  if (addon.VERSION !== version) throw new Error(`its version is ${addon.VERSION}`)
  return addon
}

module.exports = load()
