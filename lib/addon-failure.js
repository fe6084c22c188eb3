// Says why there is no addon, in one sentence that names the cure. Loaded only when there is none.

'use strict'

const { version } = require('../package.json')

/**
 * @param {Record<string, any>} failures what each package that could have served here answered
 * @param {string[]} released the names of all platforms
 */
function addonFailure(failures, released) {
  const name = expected(Object.keys(failures))
  if (!name) {
    return new Error(
      `velt-auth has no binary for ${process.platform}-${process.arch}: there is one for ` +
        `${released.join(', ')}.`,
    )
  }
  const cause = failures[name]
  const why = reason(name, cause, released)
  return new Error(`velt-auth ${version} cannot load velt-auth-${name}: ${why}`, { cause })
}

/** Which of the candidates this process would load. @param {string[]} names */
function expected(names) {
  if (names.length < 2) return names[0]
  const { header } = /** @type {any} */ (process.report?.getReport() ?? {})
  const libc = header?.glibcVersionRuntime ? '-gnu' : '-musl'
  return names.find((name) => name.endsWith(libc))
}

/** @param {string} name @param {any} cause @param {string[]} released */
function reason(name, cause, released) {
  if (cause.code === 'ERR_DLOPEN_FAILED') {
    return `the system refuses it (${cause.message}). Install velt-auth again on the machine that runs it.`
  }
  if (cause.code !== 'MODULE_NOT_FOUND') {
    return (
      `${cause.message}. Delete node_modules, and install again; in a checkout of velt-auth, run ` +
      'npm run build.'
    )
  }
  const other = released.find((one) => one !== name && isInstalled(one))
  if (other) {
    return (
      `velt-auth-${other} is installed instead, so node_modules comes from another system (a ` +
      'copy, or a Docker image built elsewhere). Install on the system that runs it.'
    )
  }
  return (
    'it is not installed. npm leaves it out with --omit=optional, and by a bug when ' +
    'package-lock.json was written on another system: delete node_modules and package-lock.json, ' +
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
