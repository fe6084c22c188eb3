// Loads the compiled addon. In a checkout it is in the root folder. After `npm install` it is in a
// platform package, such as velt-auth-linux-x64-gnu.

'use strict'

const { existsSync } = require('node:fs')
const { join, resolve } = require('node:path')
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
  // On Linux there are two packages (glibc and musl). Only the right one loads, so both are tried.
  const names = Object.keys(PACKAGES).filter((name) => `${name}-`.startsWith(`${platform}-`))
  const override = process.env.VELT_AUTH_ADDON
  if (override) return loadOverride(resolve(override), names)
  /** @type {Record<string, unknown>} */
  const failures = {}
  for (const name of names) {
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

/**
 * VELT_AUTH_ADDON is for single executables, which have no node_modules. `require(path)` would fail there,
 * because their `require` loads only the modules of Node.
 *
 * @param {string} path
 * @param {string[]} names of the platforms that this process may be
 */
function loadOverride(path, names) {
  const loaded = { exports: /** @type {any} */ ({}) }
  try {
    process.dlopen(loaded, path)
    const { VERSION = 'unknown' } = loaded.exports
    if (VERSION !== version) throw new Error(`its version is ${VERSION}`)
  } catch (cause) {
    const packages = names.map((name) => `velt-auth-${name}`).join(' or ')
    throw new Error(
      `velt-auth ${version} cannot load ${path}, the value of VELT_AUTH_ADDON. Set it to the file ` +
        `*.node of ${packages}, in version ${version}. The cause: ${/** @type {Error} */ (cause).message}`,
      { cause },
    )
  }
  return loaded.exports
}

module.exports = load()
