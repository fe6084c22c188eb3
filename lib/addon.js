// Finds the compiled half: beside this file's folder in a checkout, in a platform package of its
// own after `npm install`.

const { existsSync } = require('node:fs')
const { join } = require('node:path')

/** The ABIs an addon of this platform can have, likeliest first: only one of them loads. */
const ABIS = /** @type {Record<string, string[]>} */ ({
  linux: ['-gnu', '-musl'],
  win32: ['-msvc'],
})

/** @returns {typeof import('./addon.js')} */
function load() {
  const abis = ABIS[process.platform] ?? ['']
  const failures = []
  for (const abi of abis) {
    const target = `${process.platform}-${process.arch}${abi}`
    const local = join(__dirname, '..', `velt-auth.${target}.node`)
    try {
      return require(existsSync(local) ? local : `velt-auth-${target}`)
    } catch (error) {
      failures.push(error)
    }
  }
  throw new AggregateError(
    failures,
    `velt-auth has no binary for ${process.platform}-${process.arch} here: in a checkout run ` +
      '`npm run build`, elsewhere install the package again on this machine.',
  )
}

module.exports = load()
