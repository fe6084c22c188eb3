// Makes the error for an addon that cannot be loaded: its cause, and what to do. This file is loaded
// only in that case.

'use strict'

const { version } = require('../package.json')

/**
 * @param {Record<string, any>} failures the error of each platform package that was tried, by its name
 * @param {string[]} platforms the names of all platforms that velt-auth has a binary for
 */
function addonFailure(failures, platforms) {
  const name = platformOfProcess(Object.keys(failures))
  if (!name) {
    return new Error(
      `velt-auth has no binary for ${process.platform}-${process.arch}. It supports ` +
        `${platforms.join(', ')}.`,
    )
  }
  const cause = failures[name]
  const why = reason(name, cause, platforms)
  return new Error(`velt-auth ${version} cannot load velt-auth-${name}: ${why}`, { cause })
}

/** Picks the platform of this process from the ones that were tried. @param {string[]} names */
function platformOfProcess(names) {
  if (names.length < 2) return names[0]
  const { header } = /** @type {any} */ (process.report?.getReport() ?? {})
  const libc = header?.glibcVersionRuntime ? '-gnu' : '-musl'
  return names.find((name) => name.endsWith(libc))
}

/** @param {string} name @param {any} cause @param {string[]} platforms */
function reason(name, cause, platforms) {
  if (cause.code === 'ERR_DLOPEN_FAILED') {
    return (
      `the system cannot load the file (${cause.message}). Install velt-auth again on the machine ` +
      'that runs it.'
    )
  }
  if (cause.code !== 'MODULE_NOT_FOUND') {
    return (
      `${cause.message}. Delete node_modules and install again. In a checkout of velt-auth, run ` +
      'npm run build.'
    )
  }
  const other = platforms.find((platform) => platform !== name && isInstalled(platform))
  if (other) {
    return (
      `velt-auth-${other} is installed instead, so node_modules comes from another system (for ` +
      'example copied into a Docker image). Run npm install on the system that runs velt-auth.'
    )
  }
  return (
    'it is not installed. npm does not install it with --omit=optional, or (a bug of npm) if ' +
    'package-lock.json was written on another system. Delete node_modules and package-lock.json, ' +
    'and run npm install without that option. In a checkout of velt-auth, run npm run build.'
  )
}

/** @param {string} name */
function isInstalled(name) {
  try {
    require.resolve(`velt-auth-${name}/package.json`)
    return true
  } catch {
    return false
  }
}

exports.addonFailure = addonFailure
